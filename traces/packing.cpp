// lz4, zstd and XXH3 behind one face.
#include "traces/packing.h"

#include <algorithm>
#include <cstring>

#include <lz4.h>
#include <xxhash.h>
#include <zstd.h>

namespace coroscope::traces {
namespace {

constexpr int kZstdLevel = 1;  // above 3 nothing is gained on such data

std::size_t pack_lz4(const std::vector<std::uint8_t>& from, std::vector<std::uint8_t>& to) {
    if (from.size() > LZ4_MAX_INPUT_SIZE) return 0;
    to.resize(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(from.size()))));
    const int written = LZ4_compress_default(reinterpret_cast<const char*>(from.data()),
                                             reinterpret_cast<char*>(to.data()),
                                             static_cast<int>(from.size()), static_cast<int>(to.size()));
    return written > 0 ? static_cast<std::size_t>(written) : 0;
}

std::size_t pack_zstd(const std::vector<std::uint8_t>& from, std::vector<std::uint8_t>& to) {
    to.resize(ZSTD_compressBound(from.size()));
    const std::size_t written = ZSTD_compress(to.data(), to.size(), from.data(), from.size(), kZstdLevel);
    return ZSTD_isError(written) != 0 ? 0 : written;
}

bool believable(std::uint64_t unpacked_bytes, std::uint64_t stored_bytes) {
    return unpacked_bytes <= kPayloadBytesMax &&
           unpacked_bytes / kCompressionRatioMax <=
               stored_bytes + kCompressionSlackBytes / kCompressionRatioMax;
}

base::Error broken() {
    return base::error(base::ErrorCode::kCorrupt, "a chunk does not unpack to the length it claims");
}

}  // namespace

Packed pack(std::vector<std::uint8_t> bytes, Compression wish) {
    std::vector<std::uint8_t> packed;
    std::size_t written = 0;
    if (wish == Compression::kLz4) written = pack_lz4(bytes, packed);
    if (wish == Compression::kZstd) written = pack_zstd(bytes, packed);
    if (written == 0 || written >= bytes.size() || !believable(bytes.size(), written))
        return {Compression::kNone, std::move(bytes)};
    packed.resize(written);
    return {wish, std::move(packed)};
}

base::Result<std::vector<std::uint8_t>> unpack(Compression compression, std::uint64_t unpacked_bytes,
                                               std::span<const std::uint8_t> stored) {
    if (!believable(unpacked_bytes, stored.size())) return broken();
    std::vector<std::uint8_t> bytes(unpacked_bytes);
    switch (compression) {
        case Compression::kNone:
            if (stored.size() != unpacked_bytes) return broken();
            std::copy(stored.begin(), stored.end(), bytes.begin());
            return bytes;
        case Compression::kLz4: {
            if (stored.size() > LZ4_MAX_INPUT_SIZE || unpacked_bytes > LZ4_MAX_INPUT_SIZE) return broken();
            const int written = LZ4_decompress_safe(
                reinterpret_cast<const char*>(stored.data()), reinterpret_cast<char*>(bytes.data()),
                static_cast<int>(stored.size()), static_cast<int>(bytes.size()));
            if (written < 0 || static_cast<std::uint64_t>(written) != unpacked_bytes) return broken();
            return bytes;
        }
        case Compression::kZstd: {
            const std::size_t written = ZSTD_decompress(bytes.data(), bytes.size(), stored.data(),
                                                        stored.size());
            if (ZSTD_isError(written) != 0 || written != unpacked_bytes) return broken();
            return bytes;
        }
    }
    return base::error(base::ErrorCode::kCorrupt,
                       "a chunk is compressed in a way that this version does not know");
}

std::uint64_t checksum(const void* bytes, std::size_t count) {
    return XXH3_64bits(bytes, count);
}

std::uint64_t header_checksum(const ChunkHeader& header, std::span<const TypeCount> counts) {
    std::vector<std::uint8_t> bytes(offsetof(ChunkHeader, header_hash) + counts.size_bytes());
    std::memcpy(bytes.data(), &header, offsetof(ChunkHeader, header_hash));
    if (!counts.empty())
        std::memcpy(bytes.data() + offsetof(ChunkHeader, header_hash), counts.data(), counts.size_bytes());
    return checksum(bytes.data(), bytes.size());
}

const char* chunk_type_name(ChunkType type) {
    switch (type) {
        case ChunkType::kNothing:
            return "nothing";
        case ChunkType::kMeta:
            return "meta";
        case ChunkType::kEvents:
            return "events";
        case ChunkType::kKeyframe:
            return "keyframe";
        case ChunkType::kStrings:
            return "strings";
        case ChunkType::kStackTable:
            return "stack-table";
        case ChunkType::kStacks:
            return "stacks";
        case ChunkType::kModules:
            return "modules";
        case ChunkType::kSymbols:
            return "symbols";
        case ChunkType::kCounts:
            return "counts";
        case ChunkType::kEnd:
            return "end";
        case ChunkType::kFooter:
            return "footer";
    }
    return "?";
}

}  // namespace coroscope::traces
