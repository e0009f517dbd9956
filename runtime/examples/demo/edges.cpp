#include "edges.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace demo {

bool Edges::write(const std::string& path, std::int64_t at_ms) const {
    std::ofstream file(path);
    file << "{\"at_ms\": " << at_ms << ", \"edges\": [";
    const char* separator = "\n";
    for (const Edge& edge : edges_) {
        file << separator << R"({"from": )" << edge.from << R"(, "to": )" << edge.to << R"(, "kind": ")"
             << edge.kind << "\"}";
        separator = ",\n";
    }
    file << "\n]}\n";
    file.close();
    if (!file)
        std::fprintf(stderr, "demo: cannot write the edges to %s: %s\n", path.c_str(), std::strerror(errno));
    return static_cast<bool>(file);
}

}  // namespace demo
