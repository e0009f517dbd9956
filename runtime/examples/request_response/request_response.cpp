// Request and response: a coroutine that owns an account, and is asked through views of different rights.
//
//   request_response
//
// Shows: call channels (one for each kind of request, both answered by one coroutine, so that nothing needs a lock); rights over a service, of
// which the smaller one cannot deposit, which the compiler checks, nor be widened again once it was restricted; a nursery, which ends all
// customers by the end of its block; and what becomes of a customer who does not wait long enough: the teller's reply does nothing.
#include <cprime/cprime.h>

#include <chrono>
#include <cstdio>
#include <utility>

namespace {

using namespace std::chrono_literals;

constexpr int kCustomers = 20;
constexpr int kDeposits = 50;

struct Deposit {
    int amount;
};
struct Query {};
using Balance = long;

// How the account is reached.
struct Account {
    cprime::Caller<Deposit, Balance> deposits;
    cprime::Caller<Query, Balance> queries;
};
struct LookOps : cprime::View<Account> {
    cprime::Result<Balance> balance() const { return service().queries.call(Query{}); }
};
struct OwnerOps : LookOps {
    cprime::Result<Balance> deposit(int amount) const { return service().deposits.call(Deposit{amount}); }
};

// Answers one kind of request each; both end when nobody can ask any more.
cprime::Handle<Account, OwnerOps> open_account() {
    auto deposits = cprime::call_channel<Deposit, Balance>("deposits");
    auto queries = cprime::call_channel<Query, Balance>("queries");
    cprime::spawn_detached("teller",
                           [deposits = std::move(deposits.server), queries = std::move(queries.server)] {
                               Balance balance = 0;
                               while (auto call = deposits.receive()) {
                                   balance += call->request.amount;
                                   call->reply(balance);
                                   while (auto query = queries.try_receive())
                                       query->reply(balance);
                               }
                               while (auto query = queries.receive())
                                   query->reply(balance);
                           });
    return cprime::make_service<OwnerOps>(Account{std::move(deposits.caller), std::move(queries.caller)});
}

bool run_bank() {
    const auto owner = open_account();
    {
        cprime::Nursery customers("customers");
        for (int i = 0; i < kCustomers; ++i) {
            customers
                .spawn("customer",
                       [owner] {
                           for (int n = 0; n < kDeposits; ++n) {
                               if (!owner->deposit(1)) return;
                           }
                       })
                .detach();
        }
        const auto auditor = owner.restrict<LookOps>();
        if (auditor.cast<OwnerOps>()) {
            std::printf("request_response: a restricted handle was widened\n");
            return false;
        }
        customers
            .spawn("auditor",
                   [auditor] {
                       Balance before = 0;
                       while (auto balance = auditor->balance()) {
                           if (*balance < before) std::printf("request_response: money was lost\n");
                           before = *balance;
                       }
                   })
            .detach();
        // The auditor has no end of its own: with the last deposit the nursery's destructor asks it to stop.
        Balance balance = 0;
        while (balance < kCustomers * kDeposits) {
            const auto now = owner->deposit(0);
            if (!now) return false;
            balance = *now;
        }
    }
    const auto balance = owner->deposit(0);
    if (!balance || *balance != kCustomers * kDeposits) {
        std::printf("request_response: %ld deposited, not %d\n", balance ? *balance : -1L,
                    kCustomers * kDeposits);
        return false;
    }
    std::printf("%d customers deposited %ld\n", kCustomers, *balance);
    return true;
}

// A customer who does not wait for the answer.
bool run_impatient() {
    auto [caller, server] = cprime::call_channel<Query, Balance>("slow");
    auto asking = cprime::spawn("impatient", [caller = std::move(caller)] {
        return caller.call_for(Query{}, 1ms).status() == cprime::Status::timed_out;
    });
    auto call = server.receive();
    const auto gave_up = asking.join();
    if (!call || !gave_up || !*gave_up || call->reply(1).status() != cprime::Status::closed) {
        std::printf("request_response: a customer who had gone was answered\n");
        return false;
    }
    return true;
}

}  // namespace

int main() {
    return cprime::run([] { return run_bank() && run_impatient(); }) ? 0 : 1;
}
