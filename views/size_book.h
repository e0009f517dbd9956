// SizeBook: what the Sizes view keeps: the tables of this run and of the one before, looked for off the frame; the classes that the person wishes,
// with undo; and the export.
//
// A recorded run is read once. One that goes on is read again, a second after the last time or later, so that it takes no more than a fifth of a
// processor. Wishes belong to a session and go with it; the run before stays, so that several can be compared with it.
//
// What is exported is PROGRAM-sizes.json in the folder that the window was started in, PROGRAM-sizes-2.json where there is one already: nothing is
// overwritten.
//
// Thread: the frame's; tables are read and written on the workspace's thread for searches. Blocks: only dump() and table_of_all(). Tested in
// tests/e2e/sizes_view_test.py.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "views/past_look.h"
#include "views/size_model.h"
#include "views/workspace.h"

namespace coroscope::views {

class SizeBook {
public:
    struct Answer {
        std::string sentence;
        bool is_error = false;
    };

    // Once a frame while the view is drawn.
    void update(Workspace& ws);
    // The newest model; nullptr before the first.
    const SizeModel* model() const { return model_.has_value() ? &*model_ : nullptr; }
    const std::string& problem() const { return problem_; }  // why there is none; "" = it is on its way
    bool busy() const;
    nlohmann::json dump(Workspace& ws) const;
    void reset();

    SizeQuery query;

    // nullopt: as computed. Nothing where the site did not spawn in this run.
    void wish(const std::string& site, std::optional<wire::SizeClass> size_class);
    void undo_wish();
    bool can_undo() const { return !undo_.empty(); }

    // "" = with nothing.
    void compare_with(const std::string& path);
    const std::string& before_path() const { return before_path_; }

    // Begins, unless one is under way or there is nothing yet.
    void export_table(Workspace& ws);
    // What came of an export, or why the run before could not be read; once. Once a frame.
    std::optional<Answer> poll();

private:
    using Table = std::shared_ptr<const SizeTable>;
    struct Key {
        std::shared_ptr<const traces::Session> session;
        std::uint64_t number = 0;
        bool operator==(const Key&) const = default;
    };
    struct ModelKey {
        std::uint64_t now = 0, before = 0, wishes = 0;
        SizeQuery query;
        bool operator==(const ModelKey&) const = default;
    };
    // Shared with the thread that writes.
    struct Writing {
        std::mutex mutex;
        std::optional<Answer> answer;  // guarded by mutex
    };
    // What was wished before the last wish.
    struct Undo {
        std::string site;
        bool wished = false;
        wire::SizeClass size_class = wire::SizeClass::kMedium;  // of the wish
    };
    void set_wish(const std::string& site, bool wished, wire::SizeClass size_class);
    void look_again(const Workspace& ws);
    void take_tables();

    PastLook<Key, Table> look_;
    PastLook<std::string, Table> before_look_;
    std::uint64_t number_ = 0;
    bool grows_ = false;
    std::chrono::steady_clock::time_point asked_at_{}, look_at_{};  // look_at_: when to look again
    std::string before_path_, problem_;
    std::uint64_t before_said_ = 0;  // of which of before_look_'s values it was said that it cannot be read
    SizeWishes wishes_;
    std::uint64_t wish_changes_ = 0;
    std::vector<Undo> undo_;
    std::optional<ModelKey> model_key_;
    std::optional<SizeModel> model_;
    std::optional<Answer> answer_;
    std::shared_ptr<Writing> writing_;
};

}  // namespace coroscope::views
