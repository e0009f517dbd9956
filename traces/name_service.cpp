// See name_service.h.
#include "traces/name_service.h"

#include <utility>

#include "instrumentation/inspect/symbols.h"

namespace coroscope::traces {

NameService::NameService(std::vector<inspect::Module> modules)
    : modules_(std::move(modules)), thread_([this] { loop(); }) {}

NameService::~NameService() {
    {
        const std::lock_guard lock(lock_);
        stop_ = true;
        work_.notify_all();
    }
    thread_.join();
}

void NameService::set_modules(std::vector<inspect::Module> modules) {
    const std::lock_guard lock(lock_);
    modules_ = std::move(modules);
    modules_changed_ = true;
    // What lay in no module may lie in one now.
    std::erase_if(symbols_, [](const auto& entry) {
        return entry.second.size() == 1 && entry.second.front().function.empty();
    });
}

void NameService::preload(const Symbols& symbols) {
    const std::lock_guard lock(lock_);
    for (const auto& [pc, frames] : symbols)
        symbols_.insert_or_assign(pc, frames);
}

void NameService::on_change(std::function<void()> notify) {
    const std::lock_guard lock(lock_);
    notify_ = std::move(notify);
}

void NameService::want(std::uint64_t pc) {
    if (symbols_.contains(pc) || !wanted_.insert(pc).second) return;
    pcs_to_find_.push_back(pc);
    work_.notify_one();
}

bool NameService::known(const std::vector<std::uint64_t>& pcs) const {
    for (const std::uint64_t pc : pcs) {
        if (!symbols_.contains(pc)) return false;
    }
    return true;
}

std::vector<inspect::Frame> NameService::join(const std::vector<std::uint64_t>& pcs) const {
    std::vector<inspect::Frame> frames;
    for (const std::uint64_t pc : pcs) {
        const std::vector<inspect::Frame>& level = symbols_.at(pc);
        frames.insert(frames.end(), level.begin(), level.end());
    }
    return frames;
}

const std::vector<inspect::Frame>* NameService::frames(const std::vector<std::uint64_t>& pcs) {
    const std::lock_guard lock(lock_);
    const auto ready = stacks_.find(pcs);
    if (ready != stacks_.end()) return ready->second.get();
    if (!known(pcs)) {
        for (const std::uint64_t pc : pcs)
            want(pc);
        return nullptr;
    }
    return stacks_.emplace(pcs, std::make_unique<std::vector<inspect::Frame>>(join(pcs))).first->second.get();
}

std::vector<inspect::Frame> NameService::wait_frames(const std::vector<std::uint64_t>& pcs) {
    std::unique_lock lock(lock_);
    for (const std::uint64_t pc : pcs)
        want(pc);
    found_.wait(lock, [&] { return known(pcs); });
    return join(pcs);
}

const std::vector<inspect::Instruction>* NameService::code(std::uint64_t pc, std::string* message) {
    const std::lock_guard lock(lock_);
    std::unique_ptr<Code>& code = codes_[pc];
    if (code == nullptr) {
        code = std::make_unique<Code>();
        codes_to_find_.push_back(pc);
        work_.notify_one();
    }
    if (!code->ready) return nullptr;
    if (message != nullptr) *message = code->message;
    return &code->instructions;
}

void NameService::request(const std::vector<std::uint64_t>& pcs) {
    const std::lock_guard lock(lock_);
    for (const std::uint64_t pc : pcs)
        want(pc);
}

void NameService::wait_idle() {
    std::unique_lock lock(lock_);
    found_.wait(lock, [this] { return !busy_ && pcs_to_find_.empty() && codes_to_find_.empty(); });
}

Symbols NameService::take_new() {
    const std::lock_guard lock(lock_);
    return std::exchange(new_symbols_, {});
}

void NameService::loop() {
    std::unique_ptr<inspect::Symbolizer> symbolizer;
    std::unique_lock lock(lock_);
    for (;;) {
        work_.wait(lock, [this] { return stop_ || !pcs_to_find_.empty() || !codes_to_find_.empty(); });
        if (stop_) return;
        busy_ = true;
        const bool names = !pcs_to_find_.empty();
        std::deque<std::uint64_t>& jobs = names ? pcs_to_find_ : codes_to_find_;
        const std::uint64_t pc = jobs.front();
        jobs.pop_front();
        const bool anew = std::exchange(modules_changed_, false);
        std::vector<inspect::Module> modules;
        if (anew) modules = modules_;
        lock.unlock();
        if (anew || symbolizer == nullptr)
            symbolizer = std::make_unique<inspect::Symbolizer>(std::move(modules));
        std::vector<inspect::Frame> frames;
        base::Result<std::vector<inspect::Instruction>> code(std::vector<inspect::Instruction>{});
        if (names) {
            frames = symbolizer->frames(pc);
        } else {
            code = inspect::disassemble_function(*symbolizer, pc);
        }
        lock.lock();
        if (names) {
            wanted_.erase(pc);
            new_symbols_.insert_or_assign(pc, frames);
            symbols_.insert_or_assign(pc, std::move(frames));
        } else {
            Code& entry = *codes_[pc];
            entry.ready = true;
            if (code.ok()) entry.instructions = std::move(*code);
            if (!code.ok()) entry.message = code.error().message;
        }
        busy_ = false;
        const bool settled = pcs_to_find_.empty() && codes_to_find_.empty();
        found_.notify_all();
        if (!settled || notify_ == nullptr) continue;
        const std::function<void()> notify = notify_;
        lock.unlock();
        notify();
        lock.lock();
    }
}

}  // namespace coroscope::traces
