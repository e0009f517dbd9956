// Rights: several views of one service, each with its own operations.
//
//   struct Database { cprime::Caller<Query, Rows> queries; cprime::Caller<Change, bool> changes; };   // how its coroutine is reached
//
//   struct ReadOps : cprime::View<Database> {
//       auto query(Query what) const { return service().queries.call(std::move(what)); }
//   };
//   struct AdminOps : ReadOps {                                    // may what ReadOps may, and more
//       auto change(Change what) const { return service().changes.call(std::move(what)); }
//   };
//
//   auto admin = cprime::make_service<AdminOps>(Database{...});    // Handle<Database, AdminOps>
//   cprime::Handle<Database, ReadOps> reader = admin;              // narrowed; the reverse does not compile
//   reader->query(...);                                            // reader->change(...) does not compile
//   if (auto again = reader.cast<AdminOps>()) again->change(...);  // asked at run time: it was granted when the service was made
//   auto given = admin.restrict<ReadOps>();                        // for others: given.cast<AdminOps>() is empty, for good
//
// A right is a type that derives from View<Service>; what it may is its member functions. One that derives from another includes it. A handle
// keeps two things: the right by which it is used, which is its type, and the most that was granted, which goes with every copy.
//
// Handles count: the service object goes with the last of them, on that one's stack, which should have room for what its destructor does. They are
// values, and live in the frames of coroutines, across suspensions, as any other.
//
// Thread: any, with or without a Runtime; several handles of one service at once, each by one at a time. What the operations do is the service's
// affair. Tested in tests/unit/runtime/rights_test.cpp; what must not compile in tests/build/must_not_compile.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace cprime {

template <typename Service, typename Right>
class Handle;

// What a right derives from. Rights have no state of their own and a default constructor.
template <typename Service>
class View {
public:
    using service_type = Service;
    View(const View&) = delete;  // a view without its handle would not keep the service
    View& operator=(const View&) = delete;
    virtual ~View() = default;  // its dynamic type is what was granted

protected:
    View() noexcept = default;
    // The service, for the operations of rights.
    Service& service() const noexcept { return *service_; }

private:
    template <typename, typename>
    friend class Handle;
    std::shared_ptr<Service> service_;
};

// A right of a service.
template <typename Right, typename Service>
concept RightOf = std::derived_from<Right, View<Service>> && std::default_initializable<Right>;
// Whoever may `Wide` may also `Narrow`.
template <typename Wide, typename Narrow>
concept Includes = std::derived_from<Wide, Narrow>;

template <typename Service, typename Right>
class [[nodiscard]] Handle {
    static_assert(RightOf<Right, Service>, "a right derives from View<Service> and can be made by default");

public:
    // Narrows: what was granted stays, and can be asked for with cast().
    template <typename Wide>
    requires(!std::same_as<Wide, Right> && Includes<Wide, Right>) Handle(const Handle<Service, Wide>& wide)
    noexcept : view_(wide.view_) {}

    // The operations of the right. Not for a handle that was moved from.
    const Right* operator->() const noexcept { return view_.get(); }

    // The same service by another right, if that was granted. Wants a stack of size_class::medium.
    template <RightOf<Service> Other>
    std::optional<Handle<Service, Other>> cast() const noexcept {
        auto granted = std::dynamic_pointer_cast<Other>(view_);
        if (granted == nullptr) return std::nullopt;
        return Handle<Service, Other>(std::move(granted));
    }
    // A handle that was never granted more than that.
    template <RightOf<Service> Narrow>
    requires Includes<Right, Narrow> Handle<Service, Narrow>
    restrict() const { return Handle<Service, Narrow>::granted(view_->service_); }

private:
    template <typename, typename>
    friend class Handle;
    template <typename Granted, typename S>
    friend Handle<S, Granted> make_service(S service);

    explicit Handle(std::shared_ptr<Right> view) noexcept : view_(std::move(view)) {}
    static Handle granted(std::shared_ptr<Service> service) {
        auto view = std::make_shared<Right>();
        view->service_ = std::move(service);
        return Handle(std::move(view));
    }

    std::shared_ptr<Right> view_;
};

// A service, and the first handle to it, which may all that `Granted` may.
template <typename Granted, typename Service>
Handle<Service, Granted> make_service(Service service) {
    return Handle<Service, Granted>::granted(std::make_shared<Service>(std::move(service)));
}

}  // namespace cprime
