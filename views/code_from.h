// Where a code panel takes instructions and names from: the session, or a binary file of which nothing has to run.
//
// The frame's thread. Blocks nothing: both look things up on threads of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "traces/name_service.h"
#include "traces/session.h"

namespace coroscope::views {

struct CodeFrom {
    std::shared_ptr<traces::Session> session;
    std::shared_ptr<traces::NameService> file;  // addresses are those of the file; nullptr: the session's

    // As Session::code and Session::place.
    const std::vector<inspect::Instruction>* code(std::uint64_t pc, std::string* message) const {
        return file != nullptr ? file->code(pc, message) : session->code(pc, message);
    }
    const inspect::Symbolizer::Place* place(std::uint64_t address) const {
        return file != nullptr ? file->place(address) : session->place(address);
    }
};

}  // namespace coroscope::views
