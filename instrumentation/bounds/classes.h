// Classes with virtual functions as the binaries themselves know them: from run-time type information, and from the vtables that name it.
//
// Both are found by their shape and their relocations, so that a stripped library's classes are known as well:
//
//      typeinfo   [ vtable of the C++ library's class for it + 16 | name | base classes … ]
//      vtable     [ 0, or minus where in the object the part lies that the table is of | typeinfo | functions … ]
//                                                                                        ^ what objects point to
//
// Two binaries that have a class of one name have one class; names that begin with * are the binary's own (an anonymous namespace).
// A class that was built without type information has a vtable all the same; who its bases are is not known then, so what stands in such a
// table may be in the way of any call.
//
// Thread: one at a time. Blocks: reads data of all binaries when it is made. Tested in tests/unit/bounds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "instrumentation/bounds/binary.h"

namespace coroscope::bounds {

class Classes {
public:
    explicit Classes(const std::vector<Binary*>& binaries);

    // Their numbers; for nobody but this.
    using Id = std::uint32_t;
    // By the plain name and a linkage name of one of its functions; several only where names are the binary's own.
    std::vector<Id> find(std::string_view name, const std::vector<std::string>& linkage_names,
                         std::uint32_t binary) const;
    // Nobody outside of its binary can derive from it.
    bool is_internal(Id id) const { return classes_[id].mangled.front() == '*'; }

    struct Entry {
        std::uint32_t binary = 0;
        Binary::Slot slot;
    };
    // Functions that stand `entry_offset` bytes behind where the word at `offset` of an object points to, whose class is `id` or derives from
    // it. False: a table is not as it should be.
    bool entries(Id id, std::int64_t offset, std::int64_t entry_offset, std::vector<Entry>& found);

private:
    struct Base {
        Id id = 0;
        std::int64_t offset = 0;
        bool is_virtual = false;
    };
    struct Table {
        std::uint32_t binary = 0;
        std::uint64_t address = 0;  // what objects point to
        std::int64_t part = 0;      // offset in the object
    };
    struct Class {
        std::string mangled;
        std::vector<Base> bases;
        std::vector<Id> derived;
        std::vector<Table> tables;
    };
    void read_type_infos(std::uint32_t number);
    void read_bases(std::uint32_t number, std::uint64_t address, Id id, std::string_view kind);
    void read_tables(std::uint32_t number);
    void read_tables_without_types(std::uint32_t number);
    Id class_named(const std::string& mangled, std::uint32_t binary);
    std::string name_at(std::uint32_t number, std::uint64_t type_info);
    struct Parts {
        std::vector<std::int64_t> offsets;
        bool exact = true;  // false: where a virtual base lies could not be read
    };
    void find_parts(Id of, Id in, std::int64_t offset, Id whole, int depth, Parts& parts);
    bool entry(const Table& table, std::int64_t entry_offset, bool exact, std::vector<Entry>& found);

    std::vector<Binary*> binaries_;
    std::vector<Class> classes_;
    std::unordered_map<std::string, Id> ids_;  // by mangled name, of the binary's own with its number
    std::vector<std::map<std::uint64_t, Id>> type_infos_;       // by address, a binary
    std::vector<std::vector<Binary::Range>> type_info_ranges_;  // ascending
    std::vector<Entry> without_types_;
};

}  // namespace coroscope::bounds
