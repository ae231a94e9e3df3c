package hub

import (
	"context"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"polity/access"
	"polity/access/account"
	"polity/city"
	"polity/console"
	"polity/room/alert"
	"polity/room/notice"
	"polity/room/queue"
)

// NoticesPath is where operators ask about notices of alerts.
const NoticesPath = "/hub/notices"

// openNotices opens what tells staff of the queue's alerts, which closes with the hub.
func (h *Hub) openNotices(ctx context.Context, pages *console.Config) error {
	if h.alerts == nil {
		return nil
	}
	deps := notice.Deps{Folder: h.cfg.Data, Source: &noticeSource{h.alerts, h.alertNotices}, Decide: h.access, Words: console.NoticeWords(), Log: h.log, Now: h.now}
	if h.people != nil {
		deps.People = staff{h.people}
	}
	var err error
	if h.notices, err = notice.Open(ctx, h.cfg.Notices, deps); err != nil {
		return city.Errorf(city.KindOf(err), "hub.notices: %w", err)
	}
	h.closers = append(h.closers, h.notices.Close)
	pages.Notices = h.notices
	return nil
}

func (h *Hub) runNotices(ctx context.Context, work *sync.WaitGroup) {
	if h.notices != nil {
		work.Go(func() { h.notices.Run(ctx) })
	}
}

// noticeOperations serves operators.
func (h *Hub) noticeOperations() http.Handler {
	if h.notices == nil {
		return nil
	}
	return h.notices.Operations(NoticesPath)
}

// alertNotices is what notices say of alerts, in the pages' words.
func (h *Hub) alertNotices(ctx context.Context, list []*alert.Alert) ([]notice.Alert, error) {
	return h.console.NoticesOf(ctx, list)
}

// staff is the accounts as notices know them.
type staff struct{ accounts *account.Accounts }

// Person implements notice.People.
func (s staff) Person(ctx context.Context, id string) (access.Who, bool, error) {
	p, err := s.accounts.Person(ctx, id)
	if city.KindOf(err) == city.NotFound {
		return access.Who{}, false, nil
	}
	if err != nil {
		return access.Who{}, false, err
	}
	who := p.Who()
	return who, p.Disabled.IsZero(), nil
}

// noticeSource is the queue of alerts as notices follow it.
type noticeSource struct {
	queue *queue.Queue
	say   func(ctx context.Context, list []*alert.Alert) ([]notice.Alert, error)
}

// Follow implements notice.Source.
func (s *noticeSource) Follow(ctx context.Context, tell func([]notice.Alert) error) error {
	cursor := s.queue.Newest() // before the list: what changes meanwhile is told twice
	list := s.queue.OpenAlerts(func(*alert.Alert) bool { return true })
	for {
		said, err := s.say(ctx, list)
		if err != nil {
			return err
		}
		if err := tell(said); err != nil {
			return err
		}
		if list, cursor, err = s.queue.Changes(ctx, cursor); err != nil {
			return err
		}
	}
}

// collectNotices gives the numbers of notices to Prometheus.
func (h *Hub) collectNotices(out chan<- prometheus.Metric) {
	if h.notices == nil {
		return
	}
	c := h.notices.Counts()
	for _, m := range []struct {
		name, help string
		kind       prometheus.ValueType
		value      float64
	}{
		{"polity_notices_waiting", "Notices of alerts that wait for their receivers.", prometheus.GaugeValue, float64(c.Waiting)},
		{"polity_notices_dead_letters", "Notices that were given up and are kept.", prometheus.GaugeValue, float64(c.Dead)},
		{"polity_notices_receivers_failing", "Receivers of notices whose last attempt failed.", prometheus.GaugeValue, float64(c.Failing)},
		{"polity_notices_attempts_total", "Attempts to hand over a notice since the start.", prometheus.CounterValue, float64(c.Sent)},
		{"polity_notices_failed_total", "Attempts that failed since the start.", prometheus.CounterValue, float64(c.Failed)},
	} {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, nil, nil), m.kind, m.value)
	}
}
