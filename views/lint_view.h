// Lints: what is wrong with the program, under its severity: a sentence with the numbers, what it points at, what to do about it.
//
// What it points at are links: a coroutine is selected, a channel too, a lock selects who holds it, a site and a worker one of their coroutines, a
// time is gone to. The finding clicked last can be muted, and so can its rule; what is muted is kept per user and stands at the end.
//
// Publishes "lints.N" (findings in the order shown), "lints.N.M" (what they point at), "lints.mute", "lints.mute-rule".
//
// The frame's thread.
#pragma once

#include <string>
#include <vector>

#include "views/lint_look.h"
#include "views/lint_model.h"
#include "views/view.h"

namespace coroscope::views {

class LintView : public View {
public:
    const char* name() const override { return "lints"; }
    const char* title() const override { return "Lints"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return book_.busy(); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    // By keys (main_lint_actions.cpp): chooses the finding after (before) the chosen one; follows the next of its links; mutes it, or its rule.
    void move(Workspace& ws, int by);
    void follow_next(Workspace& ws);
    void mute(Workspace& ws, bool whole_rule);
    bool has_choice() const { return !chosen_.empty(); }

private:
    void choose(Workspace& ws, const analyses::Lint& lint);
    const analyses::Lint* chosen_lint() const;
    void draw_head(Workspace& ws);
    void draw_group(Workspace& ws, const LintGroup& group, std::size_t* number);
    void draw_lint(Workspace& ws, const analyses::Lint& lint, bool muted, std::size_t number);
    void draw_mutes(Workspace& ws, const analyses::Lint& lint, bool muted, float right, float top);
    // Lays the links out (draw = false) or draws them; returns the height that they take.
    float place_links(Workspace& ws, const analyses::Lint& lint, std::size_t number, float x, float y,
                      float width, bool draw);

    LintBook book_;
    std::shared_ptr<const analyses::LintReport> report_;
    std::vector<LintGroup> groups_;
    std::uint64_t groups_of_ = 0;
    analyses::Mutes groups_muted_;
    std::string chosen_;         // key of the finding clicked last; "" = none
    std::size_t next_link_ = 0;  // of the chosen one
    bool scroll_to_chosen_ = false;
};

}  // namespace coroscope::views
