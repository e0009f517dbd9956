// pprof's profile.proto. Field numbers: proto/profile.proto of github.com/google/pprof.
#include <map>
#include <unordered_map>

#include "traces/exports/protobuf.h"
#include "traces/exports/stack_files.h"

namespace coroscope::exports {
namespace {

namespace profile_field {
constexpr std::uint32_t kSampleType = 1, kSample = 2, kMapping = 3, kLocation = 4, kFunction = 5,
                        kStringTable = 6, kDurationNanos = 10, kPeriodType = 11, kPeriod = 12, kComment = 13,
                        kDefaultSampleType = 14;
}

class PprofWriter {
public:
    PprofWriter(const StackProfile& profile, const traces::TraceReader& reader)
        : profile_(profile), reader_(reader) {
        string("");
    }

    std::string write() {
        for (std::size_t i = 0; i < profile_.names.size(); ++i)
            out_.message(profile_field::kSampleType, value_type(i));
        for (const StackRow& row : profile_.rows)
            sample(row);
        mappings();
        if (profile_.duration_ns != 0)
            out_.number(profile_field::kDurationNanos, static_cast<std::uint64_t>(profile_.duration_ns));
        out_.message(profile_field::kPeriodType, value_type(1));
        out_.number(profile_field::kPeriod, 1);
        out_.number(profile_field::kComment, string("written by coroscope from " + reader_.path()));
        out_.number(profile_field::kDefaultSampleType, string(profile_.names[1]));
        for (const std::string* text : texts_)
            out_.text(profile_field::kStringTable, *text);
        return out_.bytes();
    }

private:
    std::uint64_t string(const std::string& text) {
        const auto [found, fresh] = strings_.try_emplace(text, strings_.size());
        if (fresh) texts_.push_back(&found->first);
        return found->second;
    }
    ProtoMessage value_type(std::size_t i) {
        ProtoMessage type;
        type.number(1, string(profile_.names[i]));
        type.number(2, string(profile_.units[i]));
        return type;
    }
    std::uint64_t function(const ProfileFrame& frame) {
        const auto [found, fresh] = functions_.try_emplace({frame.function, frame.file},
                                                           functions_.size() + 1);
        if (fresh) {
            ProtoMessage message;
            message.number(1, found->second);
            message.number(2, string(frame.function));
            message.number(3, string(frame.function));
            message.number(4, string(frame.file));
            out_.message(profile_field::kFunction, message);
        }
        return found->second;
    }
    // One location an address; its lines are the functions inlined there, innermost first.
    std::uint64_t location(const std::vector<ProfileFrame>& frames, std::size_t first, std::size_t end) {
        std::string key = std::to_string(frames[first].pc);
        if (frames[first].pc == 0) key += frames[first].function + ":" + std::to_string(frames[first].line);
        const auto [found, fresh] = locations_.try_emplace(key, locations_.size() + 1);
        if (fresh) {
            ProtoMessage message;
            message.number(1, found->second);
            const std::uint64_t pc = frames[first].pc;
            for (std::size_t m = 0; pc != 0 && m < reader_.modules().size(); ++m) {
                if (pc >= reader_.modules()[m].low && pc < reader_.modules()[m].high)
                    message.number(2, m + 1);
            }
            if (pc != 0) message.number(3, pc);
            for (std::size_t i = first; i < end; ++i) {
                ProtoMessage line;
                line.number(1, function(frames[i]));
                line.number(2, frames[i].line);
                message.message(4, line);
            }
            out_.message(profile_field::kLocation, message);
        }
        return found->second;
    }
    void label(ProtoMessage& to, const char* key, const std::string& value) {
        if (value.empty()) return;
        ProtoMessage message;
        message.number(1, string(key));
        message.number(2, string(value));
        to.message(3, message);
    }
    void sample(const StackRow& row) {
        ProtoMessage message;
        for (std::size_t first = 0; first < row.frames.size();) {
            std::size_t end = first + 1;
            while (row.frames[first].pc != 0 && end < row.frames.size() &&
                   row.frames[end].pc == row.frames[first].pc)
                ++end;
            message.number(1, location(row.frames, first, end));
            first = end;
        }
        for (const std::int64_t value : row.values)
            message.number(2, static_cast<std::uint64_t>(value));
        label(message, "coroutine", row.coroutine);
        label(message, "site", row.site);
        label(message, "reason", row.reason);
        out_.message(profile_field::kSample, message);
    }
    void mappings() {
        for (std::size_t m = 0; m < reader_.modules().size(); ++m) {
            const inspect::Module& module = reader_.modules()[m];
            ProtoMessage message;
            message.number(1, m + 1);
            message.number(2, module.low);
            message.number(3, module.high);
            message.number(5, string(module.path));
            message.number(6, string(module.build_id));
            for (std::uint32_t has = 7; has <= 10; ++has)  // functions, files, lines, inlined frames
                message.number(has, 1);
            out_.message(profile_field::kMapping, message);
        }
    }

    const StackProfile& profile_;
    const traces::TraceReader& reader_;
    ProtoMessage out_;
    std::unordered_map<std::string, std::uint64_t> strings_, locations_;
    std::vector<const std::string*> texts_;  // in the order of their numbers
    std::map<std::pair<std::string, std::string>, std::uint64_t> functions_;
};

}  // namespace

void write_pprof(const StackProfile& profile, const traces::TraceReader& reader, OutputFile& output) {
    output.write(PprofWriter(profile, reader).write());
}

}  // namespace coroscope::exports
