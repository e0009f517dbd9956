# Dear ImGui as Debian packs it: one static library with core, demo, tables, FreeType builder and the GLFW and
# OpenGL 3 backends, and no CMake package. Its .pc file lacks FreeType, GLFW and dl and orders the rest wrongly, so the
# imported target imgui::imgui names what the archive needs itself. GLFW is linked only: who includes its headers says so.
find_path(ImGui_INCLUDE_DIR imgui.h PATH_SUFFIXES imgui)
find_library(ImGui_LIBRARY NAMES libimgui.a imgui)
find_path(ImGui_STB_INCLUDE_DIR stb_image_write.h PATH_SUFFIXES stb)
find_library(ImGui_STB_LIBRARY NAMES libstb.a stb)
find_package(Freetype QUIET)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ImGui
  REQUIRED_VARS ImGui_LIBRARY ImGui_INCLUDE_DIR ImGui_STB_LIBRARY ImGui_STB_INCLUDE_DIR FREETYPE_FOUND)
mark_as_advanced(ImGui_INCLUDE_DIR ImGui_LIBRARY ImGui_STB_INCLUDE_DIR ImGui_STB_LIBRARY)

if(ImGui_FOUND AND NOT TARGET imgui::imgui)
  add_library(imgui::imgui STATIC IMPORTED GLOBAL)
  set_target_properties(imgui::imgui PROPERTIES
    IMPORTED_LOCATION ${ImGui_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES "${ImGui_INCLUDE_DIR};${ImGui_STB_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "Freetype::Freetype;$<LINK_ONLY:glfw>;${ImGui_STB_LIBRARY};${CMAKE_DL_LIBS};m")
endif()
