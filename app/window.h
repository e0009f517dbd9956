// The window: what the command line asks of it.
//
// run_window() is the only way into the graphical part; the command line (app/cli) fills the options, the window (app/window)
// does the rest, on a GLFW window or off screen, with the same views. Thread: the main thread, once. Blocks until the window is
// closed or the script ends.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace coroscope::app {

// A program to be started under observation.
struct LaunchSpec {
    std::string program;                   // path, or a name looked up in PATH
    std::vector<std::string> arguments;    // without the program itself
    std::vector<std::string> environment;  // additional NAME=VALUE
    std::string directory;                 // "" = ours
    bool paused = false;                   // nothing of it runs until somebody lets it
};

enum class WindowStart : std::uint8_t { kStartPage, kLaunch, kAttach, kReplay };

struct WindowOptions {
    WindowStart start = WindowStart::kStartPage;
    LaunchSpec launch;       // kLaunch
    std::uint32_t pid = 0;   // kAttach
    std::string file;        // kReplay: a trace or a core
    std::string binary;      // kReplay of a core: stands for its program; "" = nothing does
    std::string before;      // kReplay: the run that this one is compared with; "" = none
    bool offscreen = false;  // no display needed
    std::string script;      // file of script commands; "" = none
    std::string screenshot;  // without a script: draw until the data stands, write, quit
    std::string dump;        // the row models of all visible views as JSON
    std::uint32_t width = 1600, height = 1000;  // at scale 1; the picture has scale times as many pixels
    float scale = 0;                            // 0 = the monitor's
    std::string theme;                          // "" = the saved one, else "dark"
    std::vector<std::string> source_maps;       // FROM=TO, checked
    std::string events = "affordable";         // when they are listened to: never, affordable, always
    std::vector<std::string> debug_paths;       // folders with separate debug files
};

// Exit code of the program: 0 good, 1 a finding, 2 a wrong command line or script, 3 the target, the file or the display cannot be had.
int run_window(const WindowOptions& options);

}  // namespace coroscope::app
