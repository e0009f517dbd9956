// Frames around slots of the heatmap (pool_view.h): of the selected coroutine, of whom the mouse is over in whatever view, and of who is pinned.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "views/describe.h"
#include "views/pool_view.h"
#include "views/widgets.h"

namespace coroscope::views {

// A frame around the selected slot, and thinner ones around the other slots that its owner's stack is on.
void PoolView::draw_selected(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell) {
    if (const inspect::CoroutineImage* owner = ws.selected(); owner != nullptr) {
        const SlotId own = {owner->pool, owner->slot};
        if (ws.selection().slot != own) draw_frame(ws, pool, drawn, cell, own, 1);
        for (const inspect::StackSegmentImage& segment : segments_of(ws.moment->state, *owner)) {
            if (const SlotId slot = {segment.pool, segment.slot}; ws.selection().slot != slot)
                draw_frame(ws, pool, drawn, cell, slot, 1);
        }
    }
    for (const std::uint64_t pin : ws.pins()) {
        if (const auto* pinned = ws.moment->state.coroutine_of(pin); pinned != nullptr)
            draw_frame(ws, pool, drawn, cell, {pinned->pool, pinned->slot}, 1);
    }
    if (const auto* lit = ws.moment != nullptr ? ws.moment->state.coroutine_of(ws.hovered_coroutine()) : nullptr; lit != nullptr) {
        if (draw_frame(ws, pool, drawn, cell, {lit->pool, lit->slot}, 1).has_value()) ws.show_lit(fmt::format("pools.grid.{}", pool.pool));
    }
    const auto& selected = ws.selection().slot;
    if (!selected.has_value()) return;
    const std::optional<float> y = draw_frame(ws, pool, drawn, cell, *selected, 1.5F);
    if (y.has_value() && ws.selection().changes != seen_selection_ &&
        (*y < drawn.visible.y0 || *y + static_cast<float>(cell) > drawn.visible.y1)) {
        ImGui::SetScrollFromPosY(*y - ImGui::GetWindowPos().y, 0.5F);
    }
}

// Where the slot's cell begins; nothing when it is none of this pool.
std::optional<float> PoolView::draw_frame(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell,
                                          SlotId slot, float thickness) {
    if (slot.pool != pool.pool) return std::nullopt;
    const auto position = pool.position_of(slot.slot);
    if (!position.has_value()) return std::nullopt;
    const auto size = static_cast<float>(cell);
    const float x = drawn.rect.x0 + static_cast<float>(drawn.grid.column_of(*position)) * size;
    const float y = drawn.rect.y0 + static_cast<float>(drawn.grid.row_of(*position)) * size;
    const float grow = std::max(ws.px(2), std::floor((ws.px(9) - size) / 2));
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRect({x - grow - 1, y - grow - 1}, {x + size + grow + 1, y + size + grow + 1}, ws.theme->ground,
                  ws.px(2), 0, ws.px(2 * thickness));
    list->AddRect({x - grow, y - grow}, {x + size + grow, y + size + grow}, ws.theme->text, ws.px(2), 0,
                  ws.px(thickness));
    return y;
}

}  // namespace coroscope::views
