package hub

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"

	"polity/access"
	"polity/access/account"
	"polity/access/directory"
	"polity/access/look"
	"polity/access/policy"
	"polity/city"
	"polity/console"
	"polity/console/frame"
	"polity/internal/certs"
	"polity/internal/durable"
)

// Access is who may do what: docs/formats/accounts.md, policy.md, looks.md.
type Access struct {
	account.Settings `yaml:",inline"`

	Directory *directory.Config `yaml:"directory"` // the city's own, for sign-in; left out: none

	Areas []Area `yaml:"areas"` // in which somebody may be given the right to look
	// Policies is the folder of the city's own policies; empty: in the data folder.
	Policies string        `yaml:"policies"`
	Looks    look.Settings `yaml:"looks"`
	// TrustLoopback lets every program on the hub's machine read and write the city's
	// data through its interfaces without a token.
	TrustLoopback bool `yaml:"trust_loopback"`
}

// Area is a part of the city with its cameras.
type Area struct {
	Name    city.Slug   `yaml:"name"`
	Title   string      `yaml:"title"`
	Cameras []city.Slug `yaml:"cameras"`
}

func (a *Access) check() error {
	errs := []error{a.Settings.Check()}
	if err := a.Looks.Check(); err != nil {
		errs = append(errs, fmt.Errorf("looks: %w", err))
	}
	seen := map[city.Slug]bool{access.AllAreas: true}
	for i, area := range a.Areas {
		where := fmt.Sprintf("areas, the %s", ordinal(i))
		if err := area.Name.Check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
		}
		if seen[area.Name] {
			errs = append(errs, fmt.Errorf("%s: %s is taken; %q is the whole city", where, area.Name, access.AllAreas))
		}
		seen[area.Name] = true
		for _, c := range area.Cameras {
			if err := c.Check(); err != nil {
				errs = append(errs, fmt.Errorf("area %s: %w", area.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// names are those of the city's bodies and areas.
func (a *Access) names() (bodies, areas []city.Slug) {
	areas = []city.Slug{access.AllAreas}
	for _, b := range a.Settings.WithDefaults().Bodies {
		bodies = append(bodies, b.Name)
	}
	for _, area := range a.Areas {
		areas = append(areas, area.Name)
	}
	return bodies, areas
}

func ordinal(i int) string { return fmt.Sprintf("%d.", i+1) }

// areas are those that a camera is in, beside the whole city.
func (a *Access) areas(camera city.Slug) []city.Slug {
	var in []city.Slug
	for _, area := range a.Areas {
		if slices.Contains(area.Cameras, camera) {
			in = append(in, area.Name)
		}
	}
	return in
}

// rights is who asks and what they may do.
type rights struct {
	*account.Accounts
	*policy.Live
}

var _ frame.Access = rights{}

// AccountsFile is the file of accounts in the hub's data folder.
const AccountsFile = "access.db"

// openAccess opens accounts, policies and the book of looks, which close with the hub.
func (h *Hub) openAccess(ctx context.Context, deps Deps) error {
	if err := h.makeMachineToken(); err != nil {
		return err
	}
	if deps.access != nil {
		h.access, h.looks = deps.access, deps.looks
		return nil
	}
	folder := h.cfg.Access.Policies
	if folder == "" {
		folder = filepath.Join(h.cfg.Data, "policies")
	}
	live, err := policy.Open(policy.Config{Folder: folder, Book: filepath.Join(h.cfg.Data, "policies.jsonl"), Purposes: h.cfg.Access.Purposes, Now: h.now, Inviter: h.inviter})
	if err != nil {
		return err
	}
	h.closers = append(h.closers, live.Close)
	people, err := account.Open(ctx, account.Config{
		Path: filepath.Join(h.cfg.Data, AccountsFile), City: h.cfg.City, Settings: h.cfg.Access.Settings, Decider: live, Door: deps.Door != nil, Now: h.now, Log: h.log,
	})
	if err != nil {
		return err
	}
	h.closers = append(h.closers, people.Close)
	book, err := look.Open(look.Config{
		Dir: filepath.Join(h.cfg.Data, "looks"), Zone: h.about.Zone, Settings: h.cfg.Access.Looks, Purposes: h.cfg.Access.Purposes, Log: h.log, Now: h.now,
	})
	if err != nil {
		return err
	}
	h.closers = append(h.closers, book.Close)
	h.access, h.looks, h.people, h.policies, h.book = rights{people, live}, looks{book}, people, live, book
	return nil
}

// openFront prepares how the pages are encrypted, and what depends on their address.
func (h *Hub) openFront(pages *console.Config) error {
	listen := h.listener.Addr().String()
	var err error
	if h.front, err = certs.Open(h.cfg.TLS, certs.Deps{Listen: listen, Log: h.log, Now: h.now}); err != nil {
		return err
	}
	if at := h.cfg.TLS.Redirect; at != "" {
		if h.redirect, err = net.Listen("tcp", at); err != nil {
			return city.Errorf(city.Unavailable, "hub.tls.redirect: %w; does another program use the port?", err)
		}
		h.closers = append(h.closers, func() error { return ignoreClosed(h.redirect.Close()) })
	}
	scheme := "http://"
	if h.front.TLS() != nil {
		scheme = "https://"
	}
	h.address = scheme + listen
	if h.people == nil {
		return nil
	}
	if h.cfg.Access.Origin == "" {
		_, port, err := net.SplitHostPort(listen)
		if err != nil {
			return err
		}
		if err := h.people.SetOrigin(scheme + net.JoinHostPort("localhost", port)); err != nil {
			return err
		}
	}
	if h.cfg.Access.Directory == nil {
		return nil
	}
	origin := h.people.Origin()
	h.directory, err = directory.Open(*h.cfg.Access.Directory, directory.Deps{Back: origin + "/sign-in/directory/back", Out: origin + "/", Log: h.log, Now: h.now})
	pages.Directory = h.directory
	return err
}

// inviter is who alone let somebody in: nobody may agree to the proposal of the one who
// invited them.
func (h *Hub) inviter(ctx context.Context, person string) (string, error) {
	p, err := h.people.Person(ctx, person)
	return p.InvitedBy, err
}

// areaTitles are the areas for pages.
func (a *Access) areaTitles() []console.Area {
	var list []console.Area
	for _, area := range a.Areas {
		list = append(list, console.Area{Name: area.Name, Title: area.Title})
	}
	return list
}

// firstCode makes a code for the first administrator; nil: there is one, or the demo's
// door is open instead.
func (h *Hub) firstCode(ctx context.Context) (*FirstCode, error) {
	if h.people == nil || h.door {
		return nil, nil
	}
	code, needed, err := h.people.FirstCode(ctx)
	if err != nil || !needed {
		return nil, err
	}
	return &FirstCode{Code: code.Text, Until: code.Until, At: h.people.Origin() + "/enrol"}, nil
}

// makeMachineToken writes this start's token for commands on this machine.
func (h *Hub) makeMachineToken() error {
	secret := rand.Text()
	h.machine = sha256.Sum256([]byte(secret))
	return durable.WriteFile(filepath.Join(h.cfg.Data, MachineTokenFile), []byte(secret+"\n"), 0o600)
}

// looks is the book as the pages use it.
type looks struct{ book *look.Book }

// Begin implements console.Looks.
func (l looks) Begin(ctx context.Context, k console.Look) (console.Looking, error) {
	return l.book.Record(ctx, look.Look{Who: k.Who, Do: k.Do, On: k.On, From: k.At, To: k.At})
}
