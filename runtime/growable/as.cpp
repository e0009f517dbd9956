// The assembler that the compiler calls for growable code (g++ -B FOLDER finds it by its name): makes the stack checks exact, then
// calls the real assembler with the same arguments.
//
//   as [OPTION…] [FILE]       FILE or - or nothing: what the compiler wrote; the last argument that is no option's value
//
// Exit code: the real assembler's; 1 and one sentence for what cannot be read or is not written as GCC writes it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/growable/exact_checks.h"

namespace {

constexpr const char* kAssembler = "/usr/bin/as";

[[noreturn]] void fail(const std::string& sentence) {
    std::fprintf(stderr, "growable-as: %s\n", sentence.c_str());
    std::exit(1);
}

std::string read_all(int fd, const std::string& name) {
    std::string text;
    char piece[1 << 16];
    for (;;) {
        const ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("cannot read " + name + ": " + std::strerror(errno));
        if (got == 0) return text;
        text.append(piece, static_cast<std::size_t>(got));
    }
}

// Position of the input among the arguments; 0 = standard input.
std::size_t find_input(const std::vector<std::string>& arguments) {
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        if (argument == "-o" || argument == "-I" || argument == "--MD" || argument == "--defsym") {
            ++i;
        } else if (argument == "-" || argument[0] != '-') {
            return i;
        }
    }
    return 0;
}

// A file that only the assembler will read.
int file_of(const std::string& text) {
    const int fd = memfd_create("growable.s", 0);
    if (fd < 0) fail(std::string("cannot make a temporary file: ") + std::strerror(errno));
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t more = write(fd, text.data() + done, text.size() - done);
        if (more < 0 && errno != EINTR)
            fail(std::string("cannot write a temporary file: ") + std::strerror(errno));
        if (more > 0) done += static_cast<std::size_t>(more);
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> arguments(argv, argv + argc);
    const std::size_t input = find_input(arguments);
    const bool standard = input == 0 || arguments[input] == "-";
    const std::string name = standard ? "standard input" : arguments[input];
    const int fd = standard ? STDIN_FILENO : open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail("cannot open " + name + ": " + std::strerror(errno));
    const cprime::growable::ExactChecks exact = cprime::growable::make_exact(read_all(fd, name));
    if (!exact.error.empty()) fail(exact.error);
    const std::string path = "/dev/fd/" + std::to_string(file_of(exact.text));
    if (input == 0) {
        arguments.push_back(path);
    } else {
        arguments[input] = path;
    }
    arguments[0] = kAssembler;
    std::vector<char*> raw;
    for (std::string& argument : arguments)
        raw.push_back(argument.data());
    raw.push_back(nullptr);
    execv(kAssembler, raw.data());
    fail(std::string("cannot start ") + kAssembler + ": " + std::strerror(errno) + "; install binutils");
}
