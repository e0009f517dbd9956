// The pool heatmap: every slot of every class as one cell, coloured by what its owner does.
//
// One texture a pool (texture.h), of which only changed rows are sent again, drawn as one image with nearest sampling: a million slots
// cost what one costs. Hovering names the coroutine, a click selects it everywhere; the arrow keys walk from slot to slot. Ctrl+wheel
// and - / + change the size of a cell, "fit" shows all pools at once.
//
// Publishes "pools.grid.N" for each pool and answers slot_rect() for scripts. Row model: pool_model.h.
#pragma once

#include <map>
#include <vector>

#include "views/pool_model.h"
#include "views/view.h"

namespace coroscope::views {

class PoolView : public View {
public:
    ~PoolView() override;
    const char* name() const override { return "pools"; }
    const char* title() const override { return "Stack pools"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return model_.in_flight(); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    // Where a slot was drawn in the last frame; nothing when it is scrolled away or not drawn.
    std::optional<Rect> slot_rect(SlotId slot) const;
    // Cell size in device pixels: 0 = fit.
    void set_cell(int cell) { wanted_cell_ = cell; }
    void zoom(int steps);
    // Selects the slot `by` further in the selected slot's pool.
    void step(Workspace& ws, int by);

private:
    struct Drawn {  // a pool as it was last drawn
        CellGrid grid;
        std::vector<std::uint32_t> cells;
        ImTextureID texture = nullptr;
        int texture_width = 0, texture_height = 0;
        Rect rect;     // of the whole grid on the screen, may lie outside the clip rectangle
        Rect visible;  // what of it can be seen
        std::shared_ptr<const PoolModel> of_model;
        const Theme* of_theme = nullptr;
    };

    void draw_head(Workspace& ws, const PoolModel& model);
    void draw_pool(Workspace& ws, const PoolRow& pool, int cell, float width);
    void draw_pool_head(Workspace& ws, const PoolRow& pool, float width);
    void upload(Workspace& ws, const PoolRow& pool, Drawn& drawn);
    void draw_grid_lines(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);
    void draw_selected(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);
    void hover(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);

    Computed<std::shared_ptr<const traces::Moment>, PoolModel> model_;
    std::map<std::uint8_t, Drawn> drawn_;
    TextureStore* textures_ = nullptr;
    int wanted_cell_ = 0;
    int cell_ = 1;
    std::uint64_t seen_selection_ = 0;
};

}  // namespace coroscope::views
