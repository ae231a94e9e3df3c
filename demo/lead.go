package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
	casefile "polity/release/case"
)

// release is what the steps of a guided release hand on.
type release struct {
	dir     string   // for what it makes
	draft   string   // file
	code    string   // of the case
	answers []string // files
}

// lead takes somebody through a whole release.
func (g *guide) lead(ctx context.Context) error {
	if err := g.meet(); err != nil {
		return err
	}
	g.say(`
A release of footage, from request to picture
=============================================

The camera's pictures lie encrypted on the edge's disk. Each key has two halves: one is for a
court, the other for an ombudsman, and the city has neither. Nothing opens before the request
stands in a public log that independent witnesses signed. Here all of them are on this machine,
each with keys of its own, in a folder of %s; in a city they are people who do not depend
on each other, and the files below go from one to the other on a stick.`, shorter(g.town.dir))
	from, to, err := g.footage(ctx)
	if err != nil {
		return err
	}
	if err := g.pause(ctx, "the officer asks"); err != nil {
		return err
	}
	r := new(release)
	for _, step := range []func(context.Context, *release) error{
		func(ctx context.Context, r *release) error { return g.ask(ctx, r, from, to) },
		g.submit, g.decide, g.bring, g.open, g.play, g.export, g.disclose, g.checkAll,
	} {
		if err := step(ctx, r); err != nil {
			return err
		}
	}
	g.say("\nThat was a release. The segments that nobody asked for stay as they are, until their keys are\ndestroyed a day from now; then they are noise, for everyone.")
	return nil
}

// meet reads who is who, and signs the officer in at the hub.
func (g *guide) meet() error {
	if g.founding != nil {
		return nil
	}
	file, err := os.ReadFile(g.town.path(rosterFile))
	if err != nil {
		return err
	}
	g.founding = g.town.people()
	g.founding.roster, err = roster.First(file)
	return err
}

// footage waits until enough was recorded, and returns what is asked for.
func (g *guide) footage(ctx context.Context) (from, to time.Time, err error) {
	if g.who, err = enter(ctx, g.at); err != nil {
		return from, to, err
	}
	if g.token, err = g.who.token(ctx); err != nil {
		return from, to, err
	}
	ctx, stop := context.WithTimeout(ctx, begins)
	defer stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for waited := 0; g.Draft == ""; waited++ {
		from, to, err = g.who.recorded(ctx, g.Now())
		if err == nil && to.Sub(from) >= footage {
			to = to.Truncate(time.Second)
			return to.Add(-footage), to, nil
		}
		if waited == 0 {
			g.say("\nThe camera has to be recorded for half a minute first.")
		} else if waited%5 == 0 {
			g.say("  %d of %d seconds", int(to.Sub(from).Seconds()), int(footage.Seconds()))
		}
		select {
		case <-ctx.Done():
			return from, to, errors.Join(city.Errorf(city.Unavailable, "the camera is not recorded yet; %s says why", g.town.path("edge.log")), err)
		case <-tick.C:
		}
	}
	return from, to, nil
}

// office is a command line on the machine of the police.
func (g *guide) office(args ...string) []string {
	return append([]string{"case", "--office", g.town.officeDir(), "--passphrase-file", g.town.path(office, "passphrase")}, args...)
}

// ask shows the draft, which it writes as the page "New case" does unless there is one.
func (g *guide) ask(_ context.Context, r *release, from, to time.Time) error {
	r.dir = g.town.path(office, g.Now().UTC().Format("20060102-150405"))
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	text, err := g.drafted(from, to)
	if err != nil {
		return err
	}
	r.draft = filepath.Join(r.dir, "case.json")
	if err := durable.WriteFile(r.draft, text, 0o600); err != nil {
		return err
	}
	g.step("The officer says what is asked for", `An evidence officer has a court's order. On the page "Cases" she picks cameras on the map and a
time; the page writes a file in her own browser, and sends nothing. This is such a file:`)
	g.say("\n  %s\n", shorter(r.draft))
	_, err = (&indented{to: g.Out, fresh: true}).Write(text)
	return err
}

// drafted is the draft that was given, or one for a time that was recorded.
func (g *guide) drafted(from, to time.Time) ([]byte, error) {
	if g.Draft != "" {
		text, err := os.ReadFile(g.Draft)
		if err == nil {
			_, err = casefile.ParseDraft(text)
		}
		if err != nil {
			return nil, city.Errorf(city.Invalid, "the draft %s: %w", g.Draft, err)
		}
		return text, nil
	}
	now := g.Now().UTC().Truncate(time.Second)
	text, err := json.MarshalIndent(casefile.Draft{
		Format: casefile.DraftFormat, Hub: g.at, Purpose: "missing-person", Cameras: []city.Slug{cameraName},
		From: canonical.At(from), To: canonical.At(to),
		Order: entry.Reference(fmt.Sprintf("HEL %d-%06d", now.Year(), now.Unix()%1e6)), Case: entry.Reference(fmt.Sprintf("POL %d/%d", now.Year(), now.Unix()%1e3)),
		Expires: canonical.At(now.Add(72 * time.Hour)), DetailsPublicOn: canonical.Day(now.AddDate(0, 6, 0).Format(time.DateOnly)),
	}, "", "  ")
	return append(text, '\n'), err
}

var caseCode = regexp.MustCompile(`(?m)^Case\s+(\S+)$`)

// submit makes the case of the draft and hands its request in.
func (g *guide) submit(ctx context.Context, r *release) error {
	g.step("The request is signed, and stands in the public log", `Her office's machine makes a key for this case alone, signs the request with the office's device key,
and encrypts the details to the two bodies. The city's hub gets commitments: it cannot read the
order. It puts them into the log, and waits until two of three witnesses have signed that.`)
	if err := g.pause(ctx, "make the case and hand it in"); err != nil {
		return err
	}
	said, err := g.do(ctx, g.office("new", r.draft)...)
	if err != nil {
		return err
	}
	m := caseCode.FindStringSubmatch(said)
	if m == nil {
		return city.Errorf(city.Internal, "the program told no code of the case")
	}
	r.code = m[1]
	if _, err := g.do(ctx, g.office("submit", r.code)...); err != nil {
		return err
	}
	if err := g.until(ctx, r, "public, entry"); err != nil {
		return err
	}
	g.say("\nEveryone can see now who asks, what for, and for how many cameras and hours:\n  %s/record\nWhich ones, and by which order, stays sealed until the day in the request.", g.at)
	return nil
}

// until waits until that is how the case stands, with everything public, and shows it.
func (g *guide) until(ctx context.Context, r *release, words ...string) error {
	ctx, stop := context.WithTimeout(ctx, commandTime)
	defer stop()
	args := g.office("status", r.code)
	for {
		said, err := g.prepared(ctx, args).CombinedOutput()
		if err != nil {
			return fmt.Errorf("polity case status: %w: %s", err, said)
		}
		plain := strings.Join(strings.Fields(string(said)), " ")
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(plain, w) }) && !strings.Contains(plain, "waits for the witnesses") {
			_, err := g.do(ctx, args...)
			return err
		}
		select {
		case <-ctx.Done():
			return city.Errorf(city.Unavailable, "the case does not go on; it stands like this:\n%s", said)
		case <-time.After(time.Second):
		}
	}
}

// decide carries the requests to both bodies, and has them approve.
func (g *guide) decide(ctx context.Context, r *release) error {
	g.step("Two bodies decide, each alone", `Court and ombudsman each get a file, on a stick: their devices are never online. A device checks by
itself that the request stands in the witnessed log, that the log only grew since it last looked, and
that the details are those that were committed to. Then it says in plain words who asks for what.
It holds one half of each key, shows no picture, and could not.`)
	if err := g.pause(ctx, "carry the requests to the bodies"); err != nil {
		return err
	}
	if _, err := g.do(ctx, g.office("requests", r.code, "--out", r.dir)...); err != nil {
		return err
	}
	for _, b := range g.founding.bodies {
		v := g.free(ctx, b)
		request := filepath.Join(r.dir, "request-"+r.code+"-"+b.name+".bin")
		if err := g.pause(ctx, b.title+" looks at its request"); err != nil {
			return err
		}
		if _, err := g.do(ctx, v.do("show", request)...); err != nil {
			return err
		}
		if err := g.pause(ctx, b.title+" approves; a person types the code to agree"); err != nil {
			return err
		}
		answer := filepath.Join(r.dir, "answer-"+b.name+".bin")
		if _, err := g.doFrom(ctx, "Approved", v.do("approve", request, "--code", r.code, "--out", answer)...); err != nil {
			return err
		}
		r.answers = append(r.answers, answer)
	}
	return nil
}

// free is a device of a body that no page has open: both have the same epoch keys.
func (g *guide) free(ctx context.Context, b *body) *device {
	for _, v := range b.devices {
		if g.prepared(ctx, v.do("status")).Run() == nil {
			return v
		}
	}
	return b.devices[0] // whose command says why not
}

// bring carries the answers back.
func (g *guide) bring(ctx context.Context, r *release) error {
	g.step("The answers come back, and are public", `An answer holds the body's halves of the keys, resealed to the key of this case: of use to nobody
else, and to the officer only with the other body's. That each body approved stands in the log
before anything opens. A refusal would, too, with its reason.`)
	if err := g.pause(ctx, "carry the answers to the office"); err != nil {
		return err
	}
	if _, err := g.do(ctx, g.office(append([]string{"answers", r.code}, r.answers...)...)...); err != nil {
		return err
	}
	return g.until(ctx, r, "Hub: court approved", "Hub: ombudsman approved")
}

// open fetches the sealed segments.
func (g *guide) open(ctx context.Context, r *release) error {
	g.step("The case is opened: first in public, then on the officer's machine", `The office's machine writes "opened" into the public log, fetches the encrypted segments, and puts the
halves of each key together in its memory. It checks every byte against what the recorder signed,
and says what was not recorded, or is missing. Plain footage is on no disk, and never at the hub.`)
	if err := g.pause(ctx, "open"); err != nil {
		return err
	}
	if _, err := g.do(ctx, g.office("open", r.code)...); err != nil {
		return err
	}
	return g.opened(ctx, r)
}

// opened waits until the opening is public, too, and its proof is on the office's machine.
func (g *guide) opened(ctx context.Context, r *release) error {
	ctx, stop := context.WithTimeout(ctx, commandTime)
	defer stop()
	for {
		said, err := g.prepared(ctx, g.office("answers", r.code)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("polity case answers: %w: %s", err, said)
		}
		if strings.Contains(string(said), "proof of opened") {
			return nil
		}
		select {
		case <-ctx.Done():
			return city.Errorf(city.Unavailable, "the witnesses do not sign that the case was opened; their words are in %s", g.town.path("witness-*.log"))
		case <-time.After(time.Second):
		}
	}
}

var playPage = regexp.MustCompile(`^Open (http://\S+)$`)

// play serves the page with the clip for as long as somebody looks at it.
func (g *guide) play(ctx context.Context, r *release) error {
	g.step("The officer looks at it", `On a page of her own machine, whose address works once. Each segment that is looked at is written into
the case's own log, which goes into the bundle. What she marks with a rectangle is what the next step
leaves open: try it, with the key M.`)
	args := g.office("play", r.code)
	g.say("\n  $ %s\n", g.typed(args))
	cmd := g.prepared(ctx, args)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var wrong bytes.Buffer
	cmd.Stderr = &wrong
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !playPage.MatchString(lines.Text()) {
		return errors.Join(fmt.Errorf("polity case play: %s%s", lines.Text(), wrong.String()), cmd.Wait())
	}
	g.say("    %s", lines.Text())
	go func() {
		for lines.Scan() { // or it would wait for somebody to read
		}
	}()
	paused := g.pause(ctx, "close the page and go on")
	return errors.Join(paused, cmd.Process.Signal(os.Interrupt), cmd.Wait())
}

// export writes the bundle, and checks it as whoever gets it does.
func (g *guide) export(ctx context.Context, r *release) error {
	g.step("A bundle for the court", `Everything but what was marked is masked, so that a film of one thing does not become a film of
everybody. The bundle holds the film, the hashes of the sealed segments, the proofs from the log, and a
report to read. Whoever gets it needs this program and the city's roster to check it; no network,
no account, and no trust in the police or the city.`)
	if err := g.pause(ctx, "export, and check the bundle"); err != nil {
		return err
	}
	bundle := filepath.Join(r.dir, "bundle")
	if _, err := g.do(ctx, g.office("export", r.code, "--out", bundle, "--zip", bundle+".zip", "--by", "Sofia (demo)")...); err != nil {
		return err
	}
	if _, err := g.do(ctx, "verify", "bundle", bundle+".zip", "--roster", g.town.path(rosterFile)); err != nil {
		return err
	}
	g.say("\nThe report to read is %s", shorter(filepath.Join(bundle, "report.html")))
	return nil
}

// disclose makes the details public, so that everyone can see what was opened.
func (g *guide) disclose(ctx context.Context, r *release) error {
	g.step("The details become public", `On the day in the request, a year later at most, everyone learns which cameras and times were opened and
by which order. If the office does not say so, either body can, and monitors name who is late. Here that
day is today. From then on the camera's page counts the opening, and anyone can see whether they
were there, without telling anybody where they were: `+g.at+`/record/concerned`)
	if err := g.pause(ctx, "make the details public"); err != nil {
		return err
	}
	_, err := g.do(ctx, g.office("disclose", r.code)...)
	return err
}

// checkAll checks the whole log.
func (g *guide) checkAll(ctx context.Context, r *release) error {
	g.step("Anyone checks the whole log", `With the roster alone, from anywhere: that no entry was changed or left out, and what was asked for,
approved, refused and opened. The same in words, for everyone: `+g.at+`/record`)
	if err := g.pause(ctx, "check the log"); err != nil {
		return err
	}
	if _, err := g.do(ctx, "verify", "log", g.at+"/log", "--roster", g.town.path(rosterFile)); err != nil {
		return err
	}
	_, err := g.do(ctx, "verify", "release", r.code, "--log", g.at+"/log", "--roster", g.town.path(rosterFile))
	return err
}
