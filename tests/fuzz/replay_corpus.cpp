// Runs a fuzz target over its committed corpus, in builds without libFuzzer.
//
// Each fuzz target is thereby an ordinary test under every compiler and sanitizer: an input that once broke something
// stays in tests/fuzz/corpus/NAME and is tried again on each run. A missing or empty corpus is a failure, for a test
// that reads nothing cannot fail.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes);

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    std::size_t inputs_count = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1], error)) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string input{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        std::printf("%s (%zu bytes)\n", entry.path().filename().c_str(), input.size());
        std::fflush(stdout);  // the last name printed is the input that failed
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
        ++inputs_count;
    }
    if (inputs_count == 0) {
        std::fprintf(stderr, "%s: no inputs in the corpus folder\n", argv[1]);
        return 1;
    }
    return 0;
}
