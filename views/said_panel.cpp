// See said_panel.h.
#include "views/said_panel.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/format.h"
#include "views/message_model.h"
#include "views/widgets.h"

namespace coroscope::views {
namespace {

constexpr std::size_t kTextsKept = 8, kMessagesShown = 2;

traces::TellLimits limits_of_one() {
    traces::TellLimits limits;
    limits.before = kTextsKept;
    return limits;
}

std::string zones_text(const traces::SaidBy& said) {
    std::string text;
    for (const traces::OpenZone& zone : said.zones)
        text += (text.empty() ? "" : " › ") + zone.name;
    return text;
}

// "label  text  when", the text cut to what is left of the line.
void line(Workspace& ws, const std::string& name, const char* label, const std::string& what,
          const std::string& when, float top) {
    const Theme& theme = *ws.theme;
    head_label(ws, label, top);
    const float end = ImGui::GetWindowContentRegionMax().x - ws.px(12);
    const float room = end - ImGui::GetCursorPosX() - text_width(ws.fonts.small, when) - ws.px(6);
    text(ws.fonts.small, theme.text, cut_to(ws.fonts.small, what, std::max(room, ws.px(24))));
    publish_item(ws, name);
    if (ImGui::IsItemHovered()) ws.hovered = fmt::format("{} {}", label, what);
    ImGui::SameLine(0, ws.px(6));
    text(ws.fonts.small, theme.text_dim, when);
}

}  // namespace

nlohmann::json SaidPanel::dump(Workspace& ws) {
    const inspect::CoroutineImage* coroutine = ws.selected();
    const auto replay = ws.session != nullptr ? ws.session->replay() : nullptr;
    if (coroutine == nullptr || replay == nullptr) return nullptr;
    traces::Search search;
    return to_json(traces::said_by(*replay, coroutine->identity, coroutine->index, ws.moment->t,
                                   limits_of_one(), search));
}

float SaidPanel::draw(Workspace& ws, const inspect::CoroutineImage& coroutine, float top) {
    const auto replay = ws.session->replay();
    if (replay == nullptr) return top;
    const traces::TimeNs now = ws.moment->t;
    look_.want(ws.searches, {replay, now, coroutine.identity},
               [replay, now, identity = coroutine.identity, index = coroutine.index](traces::Search& search) {
                   return std::pair(identity,
                                    traces::said_by(*replay, identity, index, now, limits_of_one(), search));
               });
    if (look_.value() == nullptr || look_.value()->first != coroutine.identity) return top;
    const traces::SaidBy& said = look_.value()->second;
    const auto ago = [&](traces::TimeNs t) { return format_duration(std::max<traces::TimeNs>(0, now - t)); };
    if (!said.zones.empty()) {
        line(ws, "stack.said.zones", "in zone", zones_text(said), "for " + ago(said.zones.back().since), top);
        top += ws.px(20);
    }
    if (!said.notes.empty() && !said.notes.back().text.empty()) {
        line(ws, "stack.said.note", "is about", said.notes.back().text, "since " + ago(said.notes.back().t),
             top);
        top += ws.px(20);
    }
    for (std::size_t i = said.messages.size() - std::min(said.messages.size(), kMessagesShown);
         i < said.messages.size(); ++i) {
        line(ws, fmt::format("stack.said.message.{}", i), "said", said.messages[i].text,
             ago(said.messages[i].t) + " ago", top);
        top += ws.px(20);
    }
    return top;
}

}  // namespace coroscope::views
