// The pool heatmap: every slot of every class as one cell, coloured by what its owner does.
//
// What a frame costs follows the pixels, not the slots: of each pool only the rows that can be seen become a texture (texture.h), rows that did
// not change are not sent again, and the texture is drawn as one image with nearest sampling.
//
// Hovering names the coroutine, a click selects it everywhere; the arrow keys walk from slot to slot. Ctrl+wheel and - / + change the
// size of a cell, "fit" shows all pools at once: where there are more slots than pixels a cell stands for several and shows the worst.
//
// Publishes "pools.grid.N" for each pool and answers slot_rect() for scripts. Row model: pool_model.h.
#pragma once

#include <map>
#include <optional>
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
    // A level of pool_model.h; none = fit.
    void set_level(std::optional<int> level) { wanted_level_ = level; }
    void zoom(int steps);
    // Selects the slot `by` further in the selected slot's pool.
    void step(Workspace& ws, int by);

private:
    struct Drawn {  // a pool as it was last drawn
        CellGrid grid;
        RowRange rows;                    // that can be seen, and that the texture holds
        std::vector<std::uint8_t> cells;  // of these rows
        RowRange painted_rows;            // as `rows` and `grid` were when the texture was painted
        CellGrid painted_grid;
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
    void place(const PoolRow& pool, Drawn& drawn, int cell);
    void upload(Workspace& ws, const PoolRow& pool, Drawn& drawn);
    void draw_grid_lines(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);
    void draw_selected(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);
    std::optional<float> draw_frame(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell,
                                    SlotId slot, float thickness);
    void hover(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);

    using Key = std::pair<std::shared_ptr<const traces::Moment>, std::string>;  // and the filter
    Computed<Key, PoolModel> model_;
    std::map<std::uint8_t, Drawn> drawn_;
    TextureStore* textures_ = nullptr;
    std::vector<std::uint8_t> cells_;     // of the frame, kept for their memory
    std::vector<std::uint32_t> colours_;  // the same
    std::optional<int> wanted_level_;
    int level_ = 1;
    std::uint64_t seen_selection_ = 0;
};

}  // namespace coroscope::views
