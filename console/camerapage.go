package console

import (
	"html/template"
	"net/http"
	"strings"

	"polity/access"
	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
	"polity/console/names"
)

// cameraView is the page of one camera.
type cameraView struct {
	Name           city.Slug
	Title, Path    string
	State          sign
	StateWords     template.HTML
	Banner         template.HTML
	Scene          sceneView
	SceneData      SceneData
	Entry          []entryItem
	Day            slider
	LatestWords    string
	Counts         countsView
	Events         []eventView
	EventsRule     string
	MayEdit        bool
	MaySeeAsPublic bool
	PublicAddress  string
	Purposes       []choice // to be stated before the live scene is shown
	Here           string
}

type entryItem struct {
	Name  string
	Words template.HTML
}

func (c *Console) cameraPage(w http.ResponseWriter, r *request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	d, err := c.dayOf(k, r)
	if err != nil {
		return err
	}
	if err := c.load(k, r, &d); err != nil {
		return err
	}
	if err := c.enlarge(k, r, &d); err != nil {
		return err
	}
	l, err := c.cfg.City.Layout(r.Context(), k.Name)
	if err != nil {
		return err
	}
	events, err := c.events(k, r, d)
	if err != nil {
		return err
	}
	scene, place, err := c.scene(r.Context(), k, d.at, r)
	if err != nil {
		return err
	}
	if scene.Place != "" {
		scene.Caption = c.html("scene.withcounts", "counts", c.momentWords(k, d), "picture", scene.Caption)
	}
	now := c.doing(k, r.clock)
	v := cameraView{
		Name: k.Name, Title: k.title(), Path: r.URL.Path, State: now.State, StateWords: now.What, Banner: c.banner(k, r),
		Scene: scene, Entry: append(c.entry(k, r.clock), append(c.lookedAt(r, k.Name), c.openedAt(r, k.Name)...)...), Day: c.slider(k, r, d, events), Counts: c.countsView(k, l, r, d),
		Events: c.eventViews(k, events, r), EventsRule: c.eventsRule(k, r),
		MayEdit: r.viewer.Edit, MaySeeAsPublic: !r.viewer.Public(), PublicAddress: with(r, "as", "public"),
	}
	if r.viewer.Purpose && !r.viewer.Live {
		v.Here, v.Purposes = r.URL.RequestURI(), c.purposeChoices()
	}
	v.SceneData = c.sceneData(k, l, r, d, place)
	v.SceneData.Counts.Ticks = c.ticks(v.Events)
	v.LatestWords = c.say.Say("slider.latest")
	if r.viewer.Live {
		v.LatestWords = c.say.Say("slider.live")
	}
	return c.render(w, r, http.StatusOK, page{Template: "camera", Title: k.title(), Data: v})
}

// stateFragment is the part of a camera's page that is fetched again and again.
func (c *Console) stateFragment(w http.ResponseWriter, r *request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	now := c.doing(k, r.clock)
	return c.write(w, r, http.StatusOK, "camera", "state", cameraView{Path: "/cameras/" + string(k.Name), State: now.State, StateWords: now.What})
}

func (c *Console) sceneData(k Camera, l layout.Layout, r *request, d day, p Place) SceneData {
	data := SceneData{
		Camera: k.Name, Live: r.viewer.Live && d.at.IsZero(), Public: !r.viewer.Counts, Width: p.Width, Height: p.Height, PlaceAt: p.At.UnixMilli(), Ground: l.Ground,
		Day: d.from.UnixMilli(), Minutes: d.minutes(), Last: d.minute(d.latest), At: -1, First: d.first(), End: d.end(), Zone: c.about.Zone.String(),
		Counts: c.chart(d.lines(shown{wire.Occupancy, ""}), l, r, d),
	}
	if !d.at.IsZero() {
		data.At = d.minute(d.at)
	}
	if !r.viewer.Counts {
		data.Counts.Threshold = k.Entry.Threshold
	}
	return data
}

// banner says that what is on the page is not all there is.
func (c *Console) banner(k Camera, r *request) template.HTML {
	if !r.viewer.Counts {
		return ""
	}
	edges, err := c.cfg.City.Edges(r.Context())
	if err != nil {
		return c.html("banner.unknown")
	}
	for _, e := range edges {
		switch {
		case e.Name != k.Edge:
		case !e.Connected:
			return c.html("banner.lost", "since", r.clock.Time(e.Since))
		case e.Waiting > behind:
			return c.html("banner.catchingup", "n", e.Waiting)
		}
	}
	return ""
}

// behind is how many waiting messages make an edge one that catches up; a handful
// is always on its way.
const behind = 20

func (c *Console) entry(k Camera, at clock) []entryItem {
	e := k.Entry
	var items []entryItem
	add := func(key string, words template.HTML) {
		if words != "" {
			items = append(items, entryItem{c.say.Say("entry." + key), words})
		}
	}
	text := func(s string) template.HTML { return template.HTML(template.HTMLEscapeString(s)) } //nolint:gosec // escaped here
	add("purpose", text(e.Purpose))
	add("view", text(e.View))
	add("body", text(e.Body))
	add("contact", text(e.Contact))
	add("decision", c.html("entry.decided", "decision", e.Decision, "date", at.Date(e.DecidedOn)))
	add("until", c.html("entry.untilwords", "from", at.Date(e.From), "until", at.Date(e.Until)))
	add("retention", c.html("entry.kept", "time", at.Long(e.Retention)))
	if e.PlaceRetention > 0 {
		add("places", c.html("entry.placeskept", "time", at.Long(e.PlaceRetention)))
	}
	add("situations", c.situations(e))
	add("public", c.html("entry.publicwords", "delay", at.Long(e.PublicDelay), "n", e.Threshold))
	add("people", c.html("entry.peoplewords"))
	add("signed", text(e.SignedBy))
	if e.Simulated {
		add("simulated", c.html("entry.simulatedwords"))
	}
	return items
}

// situations lists what a camera may report.
func (c *Console) situations(e Entry) template.HTML {
	if len(e.Events) == 0 {
		return c.html("entry.situation.none")
	}
	var words []string
	for _, k := range e.Events {
		word := c.say.Say("event." + names.Events[k])
		if k == wire.Crowding {
			word = c.say.Say("entry.situation.crowd", "what", word, "n", e.CrowdAtLeast)
		}
		words = append(words, word)
	}
	return c.html("entry.situation.list", "list", strings.Join(words, ", "))
}

// eventView is one event in words.
type eventView struct {
	Anchor  string
	Picture string
	State   sign
	Words   string
	When    template.HTML
	Address string
	// StartMS and EndMS are ms since 1970; EndMS is 0 while it goes on.
	StartMS, EndMS int64
}

// events returns the day's events that the one who asks may know of.
func (c *Console) events(k Camera, r *request, d day) ([]Event, error) {
	all, err := c.cfg.City.Events(r.Context(), EventQuery{Camera: k.Name, From: d.from, To: d.to})
	if err != nil || r.viewer.Counts {
		return all, err
	}
	return publicEvents(k.Entry, all, r.clock.now), nil
}

func (c *Console) eventViews(k Camera, events []Event, r *request) []eventView {
	var views []eventView
	for _, e := range events {
		name := names.Events[e.Kind]
		v := eventView{
			Anchor: "event-" + e.ID, State: sign{"attention", c.say.Say("event." + name)}, StartMS: e.Start.UnixMilli(),
			Words:   c.say.Say("event."+name+".what", "where", c.where(e.Where), "n", int(e.Value+.5)),
			Address: with(r, "at", e.Start.In(c.about.Zone).Format(timeForm)),
		}
		if e.Place && (r.viewer.Back || !e.Start.After(r.clock.now.Add(-k.Entry.PublicDelay))) {
			v.Picture = "/cameras/" + string(k.Name) + "/events/" + e.ID + ".jpg"
			if r.asPublic {
				v.Picture += "?as=public"
			}
		}
		switch {
		case e.End.IsZero():
			v.When = c.html("event.since", "start", r.clock.Time(e.Start))
		default:
			v.State.Sign, v.EndMS = "unknown", e.End.UnixMilli()
			v.When = c.html("event.fromto", "start", r.clock.Time(e.Start), "end", r.clock.Time(e.End), "long", r.clock.Long(e.End.Sub(e.Start)))
		}
		views = append(views, v)
	}
	return views
}

func (c *Console) ticks(events []eventView) []Tick {
	ticks := []Tick{}
	for _, e := range events {
		ticks = append(ticks, Tick{At: e.StartMS, End: e.EndMS, Words: e.Words})
	}
	return ticks
}

func (c *Console) eventsRule(k Camera, r *request) string {
	if r.viewer.Counts {
		return c.say.Say("events.all")
	}
	return c.say.Say("events.public", "delay", r.clock.Long(k.Entry.PublicDelay))
}

// eventPicture answers with the place at an event, if the one who asks may know of
// the event.
func (c *Console) eventPicture(w http.ResponseWriter, r *request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	id, ok := cutJPEG(r.PathValue("event"))
	if !ok {
		return city.Errorf(city.NotFound, "%s", c.say.Say("error.event"))
	}
	event, picture, err := c.cfg.City.EventPlace(r.Context(), k.Name, id)
	if err != nil {
		return err
	}
	if !r.viewer.Counts && len(publicEvents(k.Entry, []Event{event}, r.clock.now)) == 0 {
		return city.Errorf(city.NotFound, "%s", c.say.Say("error.event")) // no different from one that does not exist
	}
	latest := r.clock.now.Add(-k.Entry.PublicDelay)
	if event.Start.After(latest) { // the place as it is not public yet
		if err := c.lookAtEvent(k, event, r); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", kept(event.Start, latest, "private, max-age=3600"))
	_, err = w.Write(picture)
	return gone(err)
}

// lookAtEvent writes a look down at a place that is not public yet, which an event came
// with: the right to events is none to newer scenes.
func (c *Console) lookAtEvent(k Camera, e Event, r *request) error {
	on := c.thing(k.Name)
	if d := c.decide(r, access.LookBack, on); !d.Allowed {
		return &refusal{d, r.who.Kind == access.Public}
	}
	looking, err := c.look(r, access.LookBack, on, e.Start)
	if err != nil {
		return err
	}
	looking.Finish()
	return nil
}
