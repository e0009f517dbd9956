// The pool heatmap: every slot of every class as one cell, coloured by what its owner does, how long it has done so, how deep its stack went,
// where it was spawned, which worker ran it, or how often stacks of its site grew (pool_shade.h; head and legend: pool_legend.cpp).
//
// What a frame costs follows the pixels, not the slots: of each pool only the rows that can be seen become a texture (texture.h), rows that did
// not change are not sent again, and the texture is drawn as one image with nearest sampling.
//
// Hovering names the coroutine, a click selects it everywhere; the arrow keys walk from slot to slot. A drag spans a rubber band, whose owners are
// listed below the grids (pool_band.h). Below that all used slots over time: a click goes to that time. Ctrl+wheel and - / + change the
// size of a cell, "fit" shows all pools at once: where there are more slots than pixels a cell stands for several and shows the worst.
//
// Publishes "pools.grid.N" for each pool, "pools.mode.N", "pools.ranked", "pools.kind.N", "pools.owner.N", "pools.strip" and answers slot_rect() for
// scripts. Row model: pool_model.h.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "views/pool_band.h"
#include "views/pool_model.h"
#include "views/pool_shade.h"
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
    // What the colours say: the next of the modes; by place among all, where they are a scale.
    void next_mode();
    bool can_be_ranked() const { return is_scale(mode_); }
    void toggle_ranked() { ranked_ = !ranked_; }
    // Lists the owners of the selected slot's pool, or of the first; again: lets go of the band.
    void toggle_band(Workspace& ws);
    // The colour of each byte of cells (fill_cells()).
    static CellPalette palette(const Theme& theme, PoolMode mode);

private:
    static constexpr float kDragUnits = 4;         // a movement of less is no drag
    static constexpr float kDimmedShare = 0.22F;   // of its colour that a slot keeps which the filter leaves out

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
        PoolMode painted_mode = PoolMode::kState;
    };

    Mark mark_at(const PoolRow& pool, std::uint64_t position) const;
    void draw_head(Workspace& ws, const PoolModel& model);
    void draw_modes(Workspace& ws, float end);
    void draw_looks(Workspace& ws, const PoolModel& model);
    static void draw_scale(Workspace& ws, const ShadeLegend& legend);
    static void draw_kinds(Workspace& ws, const ShadeLegend& legend);
    static void next_entry(Workspace& ws, bool first, float width);
    float below_height(const Workspace& ws);
    void draw_below(Workspace& ws, const PoolModel& model);
    static void draw_strip(Workspace& ws);
    void keep_band(const PoolBand& band);
    void drop_band();
    void draw_band(Workspace& ws, const PoolModel& model);
    void draw_owners(Workspace& ws, const BandModel& band);
    void take_band(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);
    void draw_band_frame(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);
    void draw_pool(Workspace& ws, const PoolRow& pool, int cell, float width);
    void draw_pool_head(Workspace& ws, const PoolRow& pool, float width);
    void place(const PoolRow& pool, Drawn& drawn, int cell);
    void upload(Workspace& ws, const PoolRow& pool, Drawn& drawn);
    void draw_grid_lines(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);
    void draw_selected(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);
    std::optional<float> draw_frame(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell,
                                    SlotId slot, float thickness);
    void hover(Workspace& ws, const PoolRow& pool, const Drawn& drawn, int cell);

    // Moment, filter, mode, ranked.
    using Key = std::tuple<std::shared_ptr<const traces::Moment>, std::string, PoolMode, bool>;
    using BandKey = std::tuple<std::shared_ptr<const traces::Moment>, std::shared_ptr<const PoolModel>, PoolBand>;
    static PoolModel compute(const Key& key);
    Key key(const Workspace& ws) const;

    Computed<Key, PoolModel> model_;
    PoolMode mode_ = PoolMode::kState;
    bool ranked_ = false;
    bool strip_shown_ = false;  // in this frame: there is room for it, and something to show
    std::optional<PoolBand> band_;
    std::optional<PoolBand> spanned_;  // while the mouse is down
    std::optional<SlotId> pressed_;    // the same: the slot where it went down
    bool fits_without_band_ = false;   // the cells are as large as before there was a band
    Computed<BandKey, BandModel> band_model_;
    std::map<std::uint8_t, Drawn> drawn_;
    TextureStore* textures_ = nullptr;
    std::vector<std::uint8_t> cells_;     // of the frame, kept for their memory
    std::vector<std::uint32_t> colours_;  // the same
    std::optional<int> wanted_level_;
    int level_ = 1;
    std::uint64_t seen_selection_ = 0;
};

}  // namespace coroscope::views
