// The lower part of the Sizes view: what is proven of the chosen site, why it is not, and the calls that lead there (size_detail.h).
//
// A click on a call opens it in the code view, and so does Enter where the keys have walked to one. Publishes "sizes.frame.N" (by frame) and
// "sizes.detail".
//
// The frame's thread. Tested in tests/e2e/sizes_proof_view_test.py.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "views/size_detail.h"
#include "views/workspace.h"

namespace coroscope::views {

class SizeDetailPanel {
public:
    // The height that it takes of `room`, in device pixels; 0 where there is nothing to say.
    float height(const Workspace& ws, float room) const;
    // Of a site of the table that is shown; computed when either changed.
    void update(const std::shared_ptr<const SizeTable>& table, const std::string& site);
    void draw(Workspace& ws, float height);
    void reset();
    nlohmann::json dump() const;

    // To the next frame, or the one before.
    void move(Workspace& ws, int by);
    bool has_frames() const { return !detail_.frames.empty(); }
    // What is to be shown as code: the frame that was clicked, or opened by its key; once.
    std::optional<BinaryPlace> take_opened();
    void open_chosen();

private:
    void draw_line(Workspace& ws, std::size_t index, float width);
    void draw_frame(Workspace& ws, std::size_t index, std::size_t frame, float width);

    std::shared_ptr<const SizeTable> table_;
    SizeDetail detail_;
    std::size_t chosen_ = 0;  // of the frames
    bool scroll_ = false;
    std::optional<BinaryPlace> opened_;
};

}  // namespace coroscope::views
