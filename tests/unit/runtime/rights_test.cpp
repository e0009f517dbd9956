// Rights: narrowing, asking at run time, giving less for good; across suspensions.
#include <cprime/call_channel.h>
#include <cprime/rights.h>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

struct Account {
    Caller<int, long> deposit;
    Caller<char, long> balance;
};
struct ReadOps : View<Account> {
    Result<long> balance() const { return service().balance.call('?'); }
};
struct AdminOps : ReadOps {
    Result<long> deposit(int amount) const { return service().deposit.call(amount); }
};
struct AuditOps : View<Account> {};

static_assert(std::is_convertible_v<Handle<Account, AdminOps>, Handle<Account, ReadOps>>);
static_assert(!std::is_convertible_v<Handle<Account, ReadOps>, Handle<Account, AdminOps>>);
static_assert(!std::is_constructible_v<Handle<Account, AuditOps>, Handle<Account, AdminOps>>);

// The service coroutine owns the balance; it ends with the last handle.
Handle<Account, AdminOps> open_account(JoinHandle<long>& serving) {
    auto deposits = call_channel<int, long>("deposits");
    auto balances = call_channel<char, long>("balances");
    serving = spawn("account",
                    [deposit = std::move(deposits.server), balance = std::move(balances.server)]() -> long {
                        long total = 0;
                        while (true) {
                            while (auto call = balance.try_receive())
                                static_cast<void>(call->reply(total));
                            auto call = deposit.receive_for(100us);
                            if (call.status() == Status::closed) return total;
                            if (call) static_cast<void>(call->reply(total += call->request));
                        }
                    });
    return make_service<AdminOps>(Account{std::move(deposits.caller), std::move(balances.caller)});
}

TEST_P(Synchronised, a_service_is_used_by_different_rights_across_suspensions) {
    run([] {
        JoinHandle<long> serving;
        {
            auto admin = open_account(serving);
            Handle<Account, ReadOps> reader = admin;
            auto watching = spawn("watch", [reader] {
                while (true) {
                    const auto balance = reader->balance();
                    if (!balance || *balance >= 30) return;
                    static_cast<void>(yield());
                }
            });
            EXPECT_EQ(*admin->deposit(10), 10);
            EXPECT_EQ(*admin->deposit(20), 30);
            EXPECT_TRUE(watching.join());
        }
        EXPECT_EQ(*serving.join(), 30) << "with the last handle the service ends";
    });
}

TEST_P(Synchronised, a_narrowed_handle_may_be_asked_for_what_was_granted_a_restricted_one_not) {
    run([] {
        JoinHandle<long> serving;
        {
            const auto admin = open_account(serving);
            const Handle<Account, ReadOps> narrowed = admin;
            const auto again = narrowed.cast<AdminOps>();
            ASSERT_TRUE(again.has_value());
            EXPECT_EQ(*(*again)->deposit(5), 5);
            const Handle<Account, ReadOps> restricted = admin.restrict<ReadOps>();
            EXPECT_FALSE(restricted.cast<AdminOps>().has_value());
            EXPECT_TRUE(restricted.cast<ReadOps>().has_value());
            EXPECT_FALSE(admin.cast<AuditOps>().has_value());
            EXPECT_EQ(*restricted->balance(), 5);
        }
        EXPECT_EQ(*serving.join(), 5);
    });
}

}  // namespace
}  // namespace cprime::test
