package console

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/console/texts"
	"polity/room/alert"
	"polity/room/notice"
)

// NoticeWords are the texts of notices.
func NoticeWords() notice.Words { return noticeWords{texts.English()} }

type noticeWords struct{ say *texts.Language }

func (w noticeWords) Say(key string, values ...any) string {
	return w.say.Say("notice."+key, values...)
}

// noticesView is the page about one's own notices, and for whoever runs the system about
// the channels of desks.
type noticesView struct {
	Said                    string
	Desks                   string // whose alerts one may see, in words; empty: none
	OnShift                 bool
	Until                   template.HTML
	Hours                   []frame.Choice
	Priorities              []frame.Choice
	PushKey                 string // empty: web push is off
	PushOn                  bool
	Browsers                string
	HasMail, MailOn         bool
	Address, Asked          string
	MayTest                 bool
	Reached                 template.HTML // when a notice last was taken; empty: never
	Failing                 string
	SeesChannels, MayReplay bool
	Channels                []channelRow
}

type channelRow struct {
	Name, Kind, To       string
	State                frame.Sign
	Success              template.HTML
	Waiting, Dead, Held  string
	Reason               string
	HasDead, Replay, Try bool
}

// noticesSaid are the words that the page may be asked to say after a form.
var noticesSaid = []string{"begun", "ended", "kept", "codesent", "confirmed", "mailoff", "mailon", "mailgone", "pushoff", "tested", "replayed", "wrongcode", "wrongaddress"}

// shiftHours are the lengths of a shift that can be chosen.
var shiftHours = []int{4, 6, 8, 10, 12, 14}

// notices are the notices, or why there are none. They are a person's: programs have none.
func (c *Console) notices(r *frame.Request) (*notice.Notices, error) {
	if c.cfg.Notices == nil {
		return nil, city.Errorf(city.NotFound, "%s", c.Say("notices.absent"))
	}
	if r.AsPublic || r.Who.Kind != access.Person || r.Who.ID == "" {
		return nil, city.Errorf(city.Forbidden, "%s", c.Say("notices.ofpeople"))
	}
	return c.cfg.Notices, nil
}

func (c *Console) noticesPage(w http.ResponseWriter, r *frame.Request) error {
	n, err := c.notices(r)
	if err != nil {
		return err
	}
	s, err := n.Settings(r.Context(), r.Who.ID)
	if err != nil {
		return err
	}
	v := noticesView{
		Desks: c.desksOf(r), OnShift: s.OnShift(r.Clock.Now), Until: r.Clock.Time(s.Until), PushKey: n.PushKey(), PushOn: s.Push && s.Browsers > 0,
		Browsers: c.Say("notices.browsers", "n", s.Browsers), HasMail: n.HasMail(), MailOn: s.Mail && s.Address != "", Address: s.Address, Asked: s.Asked,
	}
	if s.Browsers == 0 {
		v.Browsers = c.Say("notices.nobrowser")
	}
	v.MayTest = v.PushOn || v.MailOn
	reached, failing, err := n.Own(r.Context(), r.Who.ID)
	if err != nil {
		return err
	}
	if v.Failing = failing; !reached.IsZero() {
		v.Reached = r.Clock.Time(reached)
	}
	if said := r.URL.Query().Get("said"); slices.Contains(noticesSaid, said) {
		v.Said = c.Say("notices.said." + said)
	}
	for _, h := range shiftHours {
		v.Hours = append(v.Hours, frame.Choice{Value: strconv.Itoa(h), Words: c.Say("time.hours", "n", h), Chosen: h == 8})
	}
	for p := range notice.Least {
		v.Priorities = append(v.Priorities, frame.Choice{Value: strconv.Itoa(p + 1), Words: c.Say("notices.priority." + strconv.Itoa(p+1)), Chosen: s.Priority == p+1})
	}
	if c.Allowed(r, access.SeeSystem, access.City()) {
		v.SeesChannels, v.MayReplay = true, c.Allowed(r, access.RunSystem, access.City())
		for _, x := range n.Channels() {
			v.Channels = append(v.Channels, c.channelRow(r, &x, v.MayReplay))
		}
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "notices", Title: c.Say("notices.title"), Data: v})
}

func (c *Console) desksOf(r *frame.Request) string {
	var names []string
	for _, d := range access.Desks() {
		if c.Allowed(r, access.SeeAlerts, access.Service(d)) {
			names = append(names, c.Say("orders.desk."+string(d)))
		}
	}
	return strings.Join(names, ", ")
}

func (c *Console) channelRow(r *frame.Request, x *notice.ChannelState, mayReplay bool) channelRow {
	number := func(n int64) string { return c.Number(float64(n), 0) }
	row := channelRow{
		Name: x.Name, Kind: c.Say("notices.kind." + x.Kind), To: x.To, Waiting: number(x.Waiting), Dead: number(x.Dead), Held: number(int64(x.HeldBack)),
		Success: r.Clock.Time(time.Time{}), HasDead: x.Dead > 0, Replay: mayReplay && x.Dead > 0 && x.Name != "", Try: mayReplay && x.Name != "",
	}
	if x.LastSuccess != nil {
		row.Success = r.Clock.Time(*x.LastSuccess)
	}
	switch {
	case x.Failing > 0:
		row.State, row.Reason = frame.Stopped(c.Say("notices.state.failing")), x.Reason
	case x.Dead > 0:
		row.State = frame.Attention(c.Say("notices.state.dead"))
	case x.LastSuccess != nil:
		row.State = frame.Live(c.Say("notices.state.well"))
	default:
		row.State = frame.Unknown(c.Say("notices.state.unused"))
	}
	return row
}

// maxNoticeForm bounds a form of this page, bytes.
const maxNoticeForm = 8 << 10

// changeNotices is a form of the page. Which one stands in the field do.
func (c *Console) changeNotices(w http.ResponseWriter, r *frame.Request) error {
	n, err := c.notices(r)
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxNoticeForm)
	if err := r.ParseForm(); err != nil {
		return city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
	}
	ctx, me, off, on := r.Context(), r.Who.ID, false, true
	var said string
	switch do := r.PostFormValue("do"); do {
	case "begin":
		hours, err := strconv.Atoi(r.PostFormValue("hours"))
		if err != nil || !slices.Contains(shiftHours, hours) {
			return city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
		}
		d := time.Duration(hours) * time.Hour
		said, err = "begun", n.Change(ctx, me, notice.Change{Shift: &d})
		if err != nil {
			return err
		}
	case "end":
		var none time.Duration
		said, err = "ended", n.Change(ctx, me, notice.Change{Shift: &none})
	case "priority":
		p, convert := strconv.Atoi(r.PostFormValue("priority"))
		if convert != nil {
			return city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
		}
		said, err = "kept", n.Change(ctx, me, notice.Change{Priority: &p})
	case "address":
		if said, err = "codesent", n.AskMail(ctx, me, r.PostFormValue("address")); err != nil && city.KindOf(err) == city.Invalid {
			said, err = "wrongaddress", nil
		}
	case "code":
		if said, err = "confirmed", n.ConfirmMail(ctx, me, r.PostFormValue("code")); err != nil && city.KindOf(err) == city.Invalid {
			said, err = "wrongcode", nil
		}
	case "mailon":
		said, err = "mailon", n.Change(ctx, me, notice.Change{Mail: &on})
	case "mailoff":
		said, err = "mailoff", n.Change(ctx, me, notice.Change{Mail: &off})
	case "mailgone":
		said, err = "mailgone", n.ForgetMail(ctx, me)
	case "pushoff":
		said, err = "pushoff", n.Unsubscribe(ctx, me, "")
	case "test":
		said, err = "tested", n.TestOwn(ctx, me)
	default:
		return city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/room/notices?said="+said, http.StatusSeeOther)
	return nil
}

// runChannels is a form about a channel of a desk: replay or test.
func (c *Console) runChannels(w http.ResponseWriter, r *frame.Request) error {
	n, err := c.notices(r)
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxNoticeForm)
	channel, said := r.PostFormValue("channel"), "replayed"
	switch r.PostFormValue("do") {
	case "replay":
		_, err = n.ReplayChannel(r.Context(), channel)
	case "test":
		said, err = "tested", n.Test(r.Context(), channel)
	default:
		err = city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/room/notices?said="+said+"#channels", http.StatusSeeOther)
	return nil
}

// PushSubscription is what a browser says of itself (Push API, PushSubscription.toJSON).
type PushSubscription struct {
	Endpoint string `json:"endpoint"`
	P256DH   string `json:"p256dh"` // base64url
	Auth     string `json:"auth"`   // base64url
	Off      bool   `json:"off"`    // push is off in this browser from now on
}

// setPush switches push on or off in one browser.
func (c *Console) setPush(w http.ResponseWriter, r *frame.Request) error {
	n, err := c.notices(r)
	if err != nil {
		return err
	}
	var s PushSubscription
	if err := c.ReadJSON(w, r, &s); err != nil {
		return err
	}
	switch {
	case s.Endpoint == "":
		err = city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
	case s.Off:
		err = n.Unsubscribe(r.Context(), r.Who.ID, s.Endpoint)
	default:
		err = n.Subscribe(r.Context(), r.Who.ID, s.Endpoint, s.P256DH, s.Auth)
	}
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, struct{}{})
	return nil
}

// pushWorker is the script that shows notices while no page is open.
func (c *Console) pushWorker(w http.ResponseWriter, r *frame.Request) error {
	return c.ServeWorker(w, r, "pushworker")
}

// NoticesOf is what notices say of alerts: the kind in words, the place, and nothing that
// somebody typed.
func (c *Console) NoticesOf(ctx context.Context, list []*alert.Alert) ([]notice.Alert, error) {
	data := RoomData{Cameras: map[string]RoomCamera{}}
	if slices.ContainsFunc(list, func(a *alert.Alert) bool { return a.Camera != "" }) {
		cameras, err := c.cfg.City.Cameras(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range cameras {
			data.Cameras[string(k.Name)] = RoomCamera{Title: k.title()}
		}
	}
	out := make([]notice.Alert, len(list))
	for i, a := range list {
		out[i] = notice.Alert{
			Key: string(a.Key), Desk: a.Desk, Kind: a.Kind, Title: c.kindWords(a.Kind), Priority: a.Rank(), At: a.Start, Revision: a.Revision,
			Open: a.Open(), New: a.State == alert.New, Snoozed: a.State == alert.Snoozed, Escalated: a.Escalated, Quiet: a.Quiet,
		}
		if a.Camera != "" || a.Zone != "" || a.Asset != "" || a.Place != nil {
			out[i].Place = c.alertWhere(a, data)
		}
	}
	return out, nil
}
