// See all_views.h.
#include "views/all_views.h"

#include "views/channel_view.h"
#include "views/code_view.h"
#include "views/compare_view.h"
#include "views/coroutine_view.h"
#include "views/event_view.h"
#include "views/flame_view.h"
#include "views/help_view.h"
#include "views/histogram_view.h"
#include "views/lint_view.h"
#include "views/lock_view.h"
#include "views/message_view.h"
#include "views/notes_view.h"
#include "views/output_view.h"
#include "views/overview_view.h"
#include "views/pool_view.h"
#include "views/select_view.h"
#include "views/settings_view.h"
#include "views/signal_view.h"
#include "views/size_view.h"
#include "views/stack_view.h"
#include "views/timeline_view.h"
#include "views/timer_view.h"
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
        {"overview", "v", make<OverviewView>},
        {"channels", "c", make<ChannelView>},
        {"timers", "d", make<TimerView>},
        {"signals", "shift+g", make<SignalView>},
        {"lints", "alt+l", make<LintView>},
        {"timeline", "shift+t", make<TimelineView>},
        {"notes", "ctrl+j", make<NotesView>},
        {"settings", "ctrl+,", make<SettingsView>},
        {"help", "ctrl+h", make<HelpView>},
        {"events", "alt+e", make<EventView>},
        {"flame", "y", make<FlameView>},
        {"compare", "shift+c", make<CompareView>},
    };
    return all;
}

}  // namespace coroscope::views
