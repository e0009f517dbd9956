// See name_service.h.
#include "traces/name_service.h"

#include <utility>

#include "instrumentation/inspect/symbols.h"

namespace coroscope::traces {

namespace {

constexpr auto kTellInterval = std::chrono::milliseconds(100);

}  // namespace

NameService::NameService(std::vector<inspect::Module> modules, std::vector<std::string> debug_paths)
    : debug_paths_(std::move(debug_paths)), modules_(std::move(modules)), thread_([this] { loop(); }) {}

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
    // What lay in no module may lie in one now. (Places stay: their pointers were handed out.)
    std::erase_if(symbols_, [](const auto& entry) {
        return entry.second.size() == 1 && entry.second.front().function.empty();
    });
}

void NameService::preload(const Symbols& symbols) {
    const std::lock_guard lock(lock_);
    for (const auto& [pc, frames] : symbols) {
        std::vector<inspect::Frame>& level = symbols_.insert_or_assign(pc, frames).first->second;
        for (inspect::Frame& frame : level)
            set_offset(frame);
    }
}

// A trace keeps a frame's module, not where in it the frame lies.
void NameService::set_offset(inspect::Frame& frame) const {
    for (const inspect::Module& module : modules_) {
        if (frame.pc <= module.low || frame.pc > module.high) continue;
        if (frame.module.empty()) frame.module = module.path;
        frame.module_offset = frame.pc - module.low;
    }
}

std::string NameService::module_name(std::uint64_t address) const {
    for (const inspect::Module& module : modules_) {
        if (address >= module.low && address < module.high)
            return module.path.substr(module.path.rfind('/') + 1);
    }
    return {};
}

void NameService::on_change(std::function<void()> notify) {
    const std::lock_guard lock(lock_);
    notify_ = std::move(notify);
}

void NameService::want(std::uint64_t pc) {
    if (symbols_.contains(pc) || !wanted_.insert(pc).second) return;
    pcs_to_find_.push_back(pc);
    ++progress_.asked;
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

std::vector<inspect::Frame> NameService::known_frames(const std::vector<std::uint64_t>& pcs) {
    const std::lock_guard lock(lock_);
    std::vector<inspect::Frame> frames;
    for (const std::uint64_t pc : pcs) {
        const auto found = symbols_.find(pc);
        if (found != symbols_.end()) {
            frames.insert(frames.end(), found->second.begin(), found->second.end());
            continue;
        }
        want(pc);
        frames.push_back({});
        frames.back().pc = pc;
        set_offset(frames.back());
    }
    return frames;
}

const inspect::Symbolizer::Place* NameService::place(std::uint64_t address) {
    const std::lock_guard lock(lock_);
    const auto [entry, added] = places_.try_emplace(address);
    if (added) {
        places_to_find_.push_back(address);
        ++progress_.asked;
        work_.notify_one();
    }
    return entry->second.get();
}

NameProgress NameService::progress() const {
    const std::lock_guard lock(lock_);
    return progress_;
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
        ++progress_.asked;
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
    found_.wait(lock, [this] { return !busy_ && idle(); });
}

Symbols NameService::take_new() {
    const std::lock_guard lock(lock_);
    return std::exchange(new_symbols_, {});
}

Symbols NameService::known() const {
    const std::lock_guard lock(lock_);
    return symbols_;
}

// Names of stacks first: somebody looks at those.
NameService::Job NameService::next_job() {
    const auto take = [](std::deque<std::uint64_t>& queue, Job::Kind kind) {
        const Job job{kind, queue.front()};
        queue.pop_front();
        return job;
    };
    if (!pcs_to_find_.empty()) return take(pcs_to_find_, Job::kFrames);
    if (!codes_to_find_.empty()) return take(codes_to_find_, Job::kCode);
    return take(places_to_find_, Job::kPlace);
}

// Off the lock but for the end.
void NameService::answer(inspect::Symbolizer& symbolizer, const Job& job) {
    if (job.kind == Job::kFrames) {
        std::vector<inspect::Frame> frames = symbolizer.frames(job.address);
        const std::lock_guard lock(lock_);
        wanted_.erase(job.address);
        new_symbols_.insert_or_assign(job.address, frames);
        symbols_.insert_or_assign(job.address, std::move(frames));
    } else if (job.kind == Job::kPlace) {
        auto place = std::make_unique<inspect::Symbolizer::Place>(symbolizer.place(job.address));
        const std::lock_guard lock(lock_);
        places_[job.address] = std::move(place);
    } else {
        auto code = inspect::disassemble_function(symbolizer, job.address);
        const std::lock_guard lock(lock_);
        Code& entry = *codes_[job.address];
        entry.ready = true;
        if (code.ok()) entry.instructions = std::move(*code);
        if (!code.ok()) entry.message = code.error().message;
    }
}

void NameService::tell(std::unique_lock<std::mutex>& lock) {
    const auto now = std::chrono::steady_clock::now();
    if (notify_ == nullptr || (!idle() && now - told_at_ < kTellInterval)) return;
    told_at_ = now;
    const std::function<void()> notify = notify_;
    lock.unlock();
    notify();
    lock.lock();
}

void NameService::loop() {
    std::unique_ptr<inspect::Symbolizer> symbolizer;
    std::unique_lock lock(lock_);
    for (;;) {
        work_.wait(lock, [this] { return stop_ || !idle(); });
        if (stop_) return;
        busy_ = true;
        const Job job = next_job();
        progress_.reading = module_name(job.address);
        const bool anew = std::exchange(modules_changed_, false);
        std::vector<inspect::Module> modules;
        if (anew) modules = modules_;
        lock.unlock();
        if (anew || symbolizer == nullptr)
            symbolizer = std::make_unique<inspect::Symbolizer>(std::move(modules), debug_paths_);
        answer(*symbolizer, job);
        lock.lock();
        busy_ = false;
        ++progress_.answered;
        if (idle()) progress_ = {};
        found_.notify_all();
        tell(lock);
    }
}

}  // namespace coroscope::traces
