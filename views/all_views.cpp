// See all_views.h.
#include "views/all_views.h"

#include "views/code_view.h"
#include "views/compare_view.h"
#include "views/coroutine_view.h"
#include "views/event_view.h"
#include "views/flame_view.h"
#include "views/histogram_view.h"
#include "views/lock_view.h"
#include "views/message_view.h"
#include "views/output_view.h"
#include "views/pool_view.h"
#include "views/select_view.h"
#include "views/size_view.h"
#include "views/stack_view.h"
#include "views/wait_view.h"
#include "views/words_view.h"
#include "views/worker_view.h"

namespace coroscope::views {
namespace {

template <class V>
std::unique_ptr<View> make() {
    return std::make_unique<V>();
}

}  // namespace

const std::vector<ViewEntry>& all_views() {
    static const std::vector<ViewEntry> all = {
        {"coroutines", "1", make<CoroutineView>},
        {"pools", "2", make<PoolView>},
        {"stack", "3", make<StackView>},
        {"waits", "4", make<WaitView>},
        {"histograms", "5", make<HistogramView>},
        {"output", "6", make<OutputView>},
        {"locks", "7", make<LockView>},
        {"workers", "8", make<WorkerView>},
        {"selects", "9", make<SelectView>},
        {"code", "0", make<CodeView>},
        {"words", "r", make<WordsView>},
        {"messages", "h", make<MessageView>},
        {"sizes", "z", make<SizeView>},
        {"events", "v", make<EventView>},
        {"flame", "y", make<FlameView>},
        {"compare", "shift+c", make<CompareView>},
    };
    return all;
}

}  // namespace coroscope::views
