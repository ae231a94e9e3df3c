package console

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/room/alert"
	"polity/room/queue"
)

// operations are what people do about alerts.
var operations = []alert.What{
	alert.Acknowledge, alert.Renew, alert.Assign, alert.Snooze, alert.Note, alert.Escalate, alert.Close, alert.Reopen,
}

// maxForm bounds a form of the control room, bytes.
const maxForm = 256 << 10

// newRequest is a word for a request, so that a form that is sent twice does one thing.
func newRequest() string { return "form-" + strings.ToLower(rand.Text()) }

// roomAct is a form about alerts: do, item (revision, a space, the key; repeated), and
// what the operation needs. It answers with the page that the form stood on.
func (c *Console) roomAct(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
	}
	q, err := c.formRequest(r)
	if err != nil {
		return err
	}
	outcomes, err := c.cfg.Alerts.Act(r.Context(), r.Who, q)
	if err != nil {
		return err
	}
	var n [3]int // done, conflicts, refusals
	for _, o := range outcomes {
		switch o.Status {
		case queue.Done:
			n[0]++
		case queue.Conflict:
			n[1]++
		case queue.Missing, queue.Forbidden:
			n[2]++
		}
	}
	http.Redirect(w, r.Request, frame.Saying(frame.LocalPath(r.PostFormValue("back")), fmt.Sprintf("%s.%d.%d.%d", q.Do, n[0], n[1], n[2])), http.StatusSeeOther)
	return nil
}

func (c *Console) formRequest(r *frame.Request) (queue.Request, error) {
	q := queue.Request{ID: r.PostFormValue("request")}
	q.Do = alert.What(r.PostFormValue("do"))
	switch q.Do {
	case alert.Assign:
		q.To = r.PostFormValue("to")
	case "take":
		q.Do, q.To = alert.Assign, queue.Me
	case alert.Snooze:
		minutes, err := strconv.Atoi(r.PostFormValue("minutes"))
		if err != nil || minutes < 1 {
			return q, city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
		}
		q.Until = r.Clock.Now.Add(time.Duration(minutes) * time.Minute)
	case alert.Note:
		q.Text = strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n")
	case alert.Close:
		q.Verdict = alert.Verdict(r.PostFormValue("verdict"))
	}
	for _, item := range r.PostForm["item"] {
		revision, key, _ := strings.Cut(item, " ")
		n, err := strconv.ParseUint(revision, 10, 64)
		if err != nil {
			return q, city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
		}
		q.Items = append(q.Items, queue.Item{Key: alert.Key(key), Revision: n})
	}
	if len(q.Items) == 0 {
		return q, city.Errorf(city.Invalid, "%s", c.Say("room.choosefirst"))
	}
	return q, nil
}
