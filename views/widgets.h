// Small things that several views draw: buttons that publish their place, marks, right-aligned text, empty states.
//
// All lengths that callers give are in grid units (pixels at scale 1); everything lands on whole device pixels.
//
// Thread: the frame's, inside an ImGui window.
#pragma once

#include <imgui.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "views/workspace.h"

namespace coroscope::views {

enum class ButtonKind { kPlain, kPrimary, kQuiet };

// A button; publishes its rectangle as `name`. `hint` (may be "") is its tooltip. True when pressed.
bool button(Workspace& ws, const std::string& name, const char* label, ButtonKind kind = ButtonKind::kPlain,
            const char* hint = "");
// A field for one line of text under a published name. True when its text changed. width in device pixels; < 0: to the right edge.
bool text_field(Workspace& ws, const std::string& name, const char* placeholder, std::string* text,
                float width);
// Publishes the last ImGui item under a name.
void publish_item(Workspace& ws, const std::string& name);

// Text in a font and colour.
void text(ImFont* font, ImU32 colour, std::string_view what);
// The same, its end at x (in window coordinates, device pixels) on the present line.
void text_ending_at(ImFont* font, ImU32 colour, std::string_view what, float x);
// Cut with an ellipsis where it does not fit into `width` device pixels; the whole text in a tooltip when hovered.
void text_cut(ImFont* font, ImU32 colour, std::string_view what, float width, bool cut_left = false);
// The string that text_cut would draw.
std::string cut_to(ImFont* font, std::string_view what, float width, bool cut_left = false);
float text_width(ImFont* font, std::string_view what);
// By how much text in `font` is drawn lower than text in `beside` so that both stand on one line: what is added to the top of the first.
float onto_line_of(const ImFont* beside, const ImFont* font);
// Text into a draw list with its left top at `at`; `align` 0 = starts, 0.5 = centred on, 1 = ends at `at`.
void draw_text(ImDrawList* list, ImFont* font, ImVec2 at, ImU32 colour, std::string_view what,
               float align = 0);

// The second mark of a look: a shape within a square of `side` device pixels.
void draw_mark(ImDrawList* list, ImVec2 corner, float side, Mark mark, ImU32 colour);
// A swatch of a look, colour and mark together, as inline item of the height of the text; `side` in grid units.
void swatch(Workspace& ws, Look look, float side = 12);
void draw_swatch(Workspace& ws, ImDrawList* list, ImVec2 corner, float side, Look look);

// What an empty view says: what is missing and what to do about it. Centred.
void empty_state(Workspace& ws, const char* headline, const char* advice);

// "label   value" pairs in one line of a panel's head; the value in the mono font.
void fact(Workspace& ws, const char* label, std::string_view value, ImU32 value_colour = 0);

// A line of a panel's head at `top`: its label, and the cursor where its value begins, which is the same for all of them.
void head_label(Workspace& ws, const char* label, float top);
inline constexpr float kHeadValueUnits = 76;

// A toggle among few words ("State | Site"): publishes NAME.0, NAME.1 ...; true when the choice changed.
bool choice(Workspace& ws, const std::string& name, const char* const* words, int count, int* chosen);

// Buttons with these words, one after the other (SameLine of 2 units), end at the right edge of a panel's head: where they begin, for what
// stands left of them; and the same with the cursor moved there.
float head_buttons_begin(const Workspace& ws, std::initializer_list<const char*> words);
void place_head_buttons(Workspace& ws, std::initializer_list<const char*> words);

// Where a list is scrolled to so that the row that begins at `row_y` is in its middle and no row is cut at its top.
float scroll_to_middle(float row_y, float row_height, float view_height);

// The triangle beside the title by which a table is sorted, `left` of it and its line's top given; as wide as kSortArrowUnits.
inline constexpr float kSortArrowUnits = 8;
void draw_sort_arrow(Workspace& ws, ImDrawList* list, ImVec2 at, bool descending, ImU32 colour);

// A tooltip at the mouse with the theme's padding; between begin and end ordinary widgets may be drawn.
void begin_tooltip(Workspace& ws);
void end_tooltip();

}  // namespace coroscope::views
