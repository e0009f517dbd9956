// See size_book.h.
#include "views/size_book.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/size_table_file.h"
#include "views/format.h"
#include "views/size_look.h"

namespace coroscope::views {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPause = std::chrono::seconds(1);  // between two looks at a run that goes on, at least
constexpr int kPauseTimes = 4;                    // or so many times what the last one took

// More of this run may come.
bool goes_on(const Workspace& ws, const traces::Replay* replay) {
    if (ws.info.kind == traces::SessionKind::kLive)
        return ws.info.status == traces::TargetStatus::kRunning ||
               ws.info.status == traces::TargetStatus::kEnding;
    return replay != nullptr && replay->reader().being_written();
}

// In the folder of this process, and not there yet.
std::string free_table_path(const std::string& program) {
    const std::string stem = std::filesystem::path(program).filename().string() + "-sizes";
    std::error_code ignored;
    const std::filesystem::path folder = std::filesystem::current_path(ignored);
    std::filesystem::path path = folder / (stem + ".json");
    for (int number = 2; std::filesystem::exists(path, ignored); ++number)
        path = folder / fmt::format("{}-{}.json", stem, number);
    return path.string();
}

SizeBook::Answer write_table(const SizeTable& table, const SizeWishes& wishes, std::size_t wished,
                             const std::string& path) {
    const auto now = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
    if (auto written = traces::write_size_table(path, with_wishes(table, wishes, now)); !written)
        return {written.error().message, true};
    const std::string own = wished == 0 ? "as advised" : fmt::format("{} of them as wished", wished);
    return {fmt::format("{} has {} sites, {}: start the program with CPRIME_SIZES={}", path,
                        table.sites.size(), own, path),
            false};
}

}  // namespace

void SizeBook::reset() {
    look_.reset();
    number_ = 0;
    grows_ = false;
    problem_.clear();
    query = {};
    wishes_.clear();
    ++wish_changes_;
    undo_.clear();
    model_key_.reset();
    model_.reset();
    answer_.reset();
    writing_ = nullptr;
}

// A run that has come to its end is looked at once more.
void SizeBook::look_again(const Workspace& ws) {
    const bool grew = std::exchange(grows_, goes_on(ws, ws.session->replay().get()));
    if (look_.in_flight()) return;
    const auto now = Clock::now();
    if ((grows_ && now >= look_at_) || (grew && !grows_)) {
        ++number_;
        asked_at_ = now;
        look_at_ = Clock::time_point::max();
    } else if (grows_ && look_at_ == Clock::time_point::max()) {
        look_at_ = now + std::max<Clock::duration>(kPause, (now - asked_at_) * kPauseTimes);
    }
}

void SizeBook::update(Workspace& ws) {
    if (ws.session == nullptr || ws.moment == nullptr) return;
    look_again(ws);
    look_.want(ws.searches, Key{ws.session, number_},
               [session = ws.session, moment = ws.moment, prove = ws.prove_sizes](traces::Search& search) {
                   return std::make_shared<const SizeTable>(
                       size_table_of_session(session->info(), session->replay(), *moment, prove, search));
               });
    if (!before_path_.empty()) {
        before_look_.want(
            ws.searches, before_path_, [path = before_path_, prove = ws.prove_sizes](traces::Search& search) {
                return std::make_shared<const SizeTable>(size_table_of_file(path, prove, search));
            });
    }
    take_tables();
}

void SizeBook::take_tables() {
    const Table* now = look_.value();
    if (now == nullptr) return;
    Table before;
    if (const Table* found = before_look_.value(); found != nullptr && before_look_.current(before_path_)) {
        if ((*found)->problem.empty()) {
            before = *found;
        } else if (std::exchange(before_said_, before_look_.changes()) != before_look_.changes()) {
            answer_ = Answer{(*found)->problem, true};
        }
    }
    problem_ = (*now)->problem;
    const ModelKey key{look_.changes(), before != nullptr ? before_look_.changes() : 0, wish_changes_, query};
    if (model_key_ == key) return;
    model_key_ = key;
    model_ = compute_size_model(*now, before, wishes_, query);
}

bool SizeBook::busy() const {
    return look_.in_flight() || before_look_.in_flight() || writing_ != nullptr;
}

nlohmann::json SizeBook::dump(Workspace& ws) const {
    if (ws.session == nullptr || ws.moment == nullptr) return nullptr;
    const traces::Search search;
    const auto now = std::make_shared<const SizeTable>(
        size_table_of_session(ws.session->info(), ws.session->replay(), *ws.moment, ws.prove_sizes, search));
    Table before;
    if (!before_path_.empty())
        before = std::make_shared<const SizeTable>(size_table_of_file(before_path_, ws.prove_sizes, search));
    if (before != nullptr && !before->problem.empty()) before = nullptr;
    nlohmann::json out = to_json(compute_size_model(now, before, wishes_, query));
    out["problem"] = now->problem;
    out["doubts"] = now->doubts;
    return out;
}

void SizeBook::wish(const std::string& site, std::optional<wire::SizeClass> size_class) {
    if (!model_.has_value()) return;
    const auto& sites = model_->now->sites;
    const auto found = std::find_if(sites.begin(), sites.end(),
                                    [&](const SizeSite& row) { return row.site == site; });
    if (found == sites.end()) return;
    const bool wished = size_class.has_value() && *size_class != found->advised;
    const wire::SizeClass wanted = size_class.value_or(found->advised);
    const auto known = wishes_.find(site);
    const bool was_wished = known != wishes_.end();
    const wire::SizeClass was = was_wished ? known->second : found->advised;
    if (was_wished == wished && was == wanted) return;
    undo_.push_back({site, was_wished, was});
    set_wish(undo_.back().site, wished, wanted);
}

void SizeBook::set_wish(const std::string& site, bool wished, wire::SizeClass size_class) {
    if (wished) {
        wishes_[site] = size_class;
    } else {
        wishes_.erase(site);
    }
    ++wish_changes_;
}

void SizeBook::undo_wish() {
    if (undo_.empty()) return;
    const Undo undo = std::move(undo_.back());
    undo_.pop_back();
    set_wish(undo.site, undo.wished, undo.size_class);
}

void SizeBook::compare_with(const std::string& path) {
    before_look_.reset();
    before_path_ = path;
}

void SizeBook::export_table(Workspace& ws) {
    if (writing_ != nullptr) return;
    if (!model_.has_value() || model_->now->sites.empty()) {
        answer_ = Answer{"There are no spawn sites to write a table of yet: look at the Sizes view first",
                         true};
        return;
    }
    writing_ = std::make_shared<Writing>();
    ws.searches.submit([writing = writing_, table = model_->now, wishes = wishes_, wished = model_->wishes,
                        path = free_table_path(ws.info.program)] {
        Answer answer = write_table(*table, wishes, wished, path);
        const std::lock_guard lock(writing->mutex);
        writing->answer = std::move(answer);
    });
}

std::optional<SizeBook::Answer> SizeBook::poll() {
    if (writing_ != nullptr) {
        std::optional<Answer> written;
        {
            const std::lock_guard lock(writing_->mutex);
            written = std::exchange(writing_->answer, std::nullopt);
        }
        if (written.has_value()) {
            writing_ = nullptr;
            return written;
        }
    }
    return std::exchange(answer_, std::nullopt);
}

}  // namespace coroscope::views
