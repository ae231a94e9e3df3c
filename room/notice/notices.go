package notice

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"polity/access"
	"polity/city"
	"polity/internal/authority"
	"polity/internal/bell"
	"polity/internal/delivery"
	"polity/room/notice/mail"
	"polity/room/notice/webhook"
	"polity/room/notice/webpush"
)

// Deps is what Open needs besides the configuration.
type Deps struct {
	Folder string // for the files
	Source Source
	People People         // nil: nobody has channels of their own
	Decide access.Decider // nil: nobody may see anything
	Words  Words
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Notices tells what alerts ask for. Its methods may be called by any goroutine.
type Notices struct {
	cfg  Config
	deps Deps
	log  *slog.Logger
	now  func() time.Time

	book   *book
	queue  *delivery.Queue
	signer *webpush.Signer // nil: push is off
	mailer *mail.Server    // nil: there is no mail
	client *http.Client
	desks  map[string]*desk // channels of desks by name

	changed bell.Bell
	telling sync.Mutex        // one round at a time
	swept   time.Time         // under telling
	step    func(name string) // for tests of crashes

	mu       sync.Mutex
	open     map[string]*openAlert
	whole    bool // open has all that is open
	kept     map[string]map[int64]reasons
	outlets  map[string]*outlet
	byNumber map[int64]*outlet
	laters   laters
	marks    []mark    // to be noted with the next round,
	ready    []int64   // outlets that are no longer new,
	closed   []string  // and alerts to be forgotten
	people   bool      // settings of people changed
	fresh    time.Time // when those were read
	tested   map[string]time.Time
}

// desk is a channel of a desk with what stands in files.
type desk struct {
	Channel
	webhook webhook.Receiver
	to      map[string]mail.Address // by mailbox
	broker  *url.URL
	user    string
	secret  mail.Secret // the broker's password
	tls     *tls.Config
}

// The tenants of receivers.
const (
	ofDesk = "desk" // NAME, and NAME/MAILBOX
	ofPush = "push" // of a subscription
	ofMail = "mail" // of a person
)

// Open opens the files, makes the key for push services where there is none, and begins to
// send what waits.
func Open(ctx context.Context, cfg Config, deps Deps) (*Notices, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	n := &Notices{
		cfg: cfg, deps: deps, log: deps.Log, now: deps.Now, client: webhook.Client(cfg.Hosts), desks: map[string]*desk{}, step: func(string) {},
		open: map[string]*openAlert{}, outlets: map[string]*outlet{}, byNumber: map[int64]*outlet{}, tested: map[string]time.Time{}, people: true,
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.now == nil {
		n.now = time.Now
	}
	if err := n.readFiles(); err != nil {
		return nil, err
	}
	var err error
	if n.book, err = openBook(ctx, filepath.Join(deps.Folder, "notices.db")); err != nil {
		return nil, err
	}
	if err := n.openOutlets(ctx); err != nil {
		return nil, errors.Join(err, n.book.close())
	}
	if n.queue, err = delivery.Open(ctx, delivery.Config{
		Path: filepath.Join(deps.Folder, "notices-queue.db"), Send: n.send, Limits: cfg.limits(), Command: "polity notices", Log: n.log, Now: n.now,
	}); err != nil {
		return nil, errors.Join(err, n.book.close())
	}
	return n, nil
}

// Close ends sending; what waits is sent after the next Open. Run must have ended.
func (n *Notices) Close() error {
	return errors.Join(n.queue.Close(), n.book.close())
}

// readFiles reads secrets and certificates.
func (n *Notices) readFiles() error {
	var err error
	if !n.cfg.Push.Off {
		if n.signer, err = webpush.OpenSigner(filepath.Join(n.deps.Folder, "push.key"), n.cfg.Push.Contact); err != nil {
			return err
		}
	}
	if m := &n.cfg.Mail; m.Host != "" {
		if n.mailer, err = m.server(); err != nil {
			return fmt.Errorf("mail: %w", err)
		}
		if n.mailer.Password, err = password(m.PasswordFile); err != nil {
			return fmt.Errorf("mail.password_file: %w", err)
		}
		if n.mailer.Authorities, err = authorities(m.CAFile); err != nil {
			return fmt.Errorf("mail.ca_file: %w", err)
		}
	}
	for i := range n.cfg.Channels {
		x := &desk{Channel: n.cfg.Channels[i]}
		x.Rule = x.withDefaults()
		if err := x.read(&n.cfg); err != nil {
			return fmt.Errorf("channel %s: %w", x.Name, err)
		}
		n.desks[string(x.Name)] = x
	}
	return nil
}

func (x *desk) read(c *Config) error {
	var err error
	switch {
	case x.Webhook != nil:
		if x.webhook.URL, err = webhook.ParseURL(x.Webhook.URL, c.Hosts); err != nil {
			return err
		}
		text, err := secretFile(x.Webhook.SecretFile)
		if err != nil {
			return fmt.Errorf("webhook.secret_file: %w", err)
		}
		if x.webhook.Secrets, err = webhook.ParseSecrets(text); err != nil {
			return fmt.Errorf("webhook.secret_file %s: %w", x.Webhook.SecretFile, err)
		}
		x.webhook.KeyID = x.Webhook.KeyID
	case x.Mail != nil:
		list, err := x.Mail.addresses()
		if err != nil {
			return err
		}
		x.to = map[string]mail.Address{}
		for _, a := range list {
			x.to[a.Addr] = a
		}
	default:
		if x.broker, err = url.Parse(x.MQTT.Broker); err != nil {
			return err
		}
		x.user = x.MQTT.User
		if x.secret, err = password(x.MQTT.PasswordFile); err != nil {
			return fmt.Errorf("mqtt.password_file: %w", err)
		}
		x.tls = &tls.Config{ServerName: x.broker.Hostname(), MinVersion: tls.VersionTLS12}
		if x.tls.RootCAs, err = authorities(x.MQTT.CAFile); err != nil {
			return fmt.Errorf("mqtt.ca_file: %w", err)
		}
	}
	return nil
}

// secretFile reads a file that others must not be able to read.
func secretFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", city.Errorf(city.Invalid, "%w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", city.Errorf(city.Invalid, "others can read %s; say chmod 600 %s", path, path)
	}
	if info.Size() > 4096 {
		return "", city.Errorf(city.Invalid, "%s is too long for a secret", path)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

func password(path string) (mail.Secret, error) {
	if path == "" {
		return "", nil
	}
	text, err := secretFile(path)
	return mail.Secret(strings.TrimRight(text, "\r\n")), err
}

func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // those of the machine
	}
	return authority.Read(path)
}

// openOutlets finds the channels of desks in the book, and forgets those that are no more.
func (n *Notices) openOutlets(ctx context.Context) error {
	known := map[string]int64{}
	if err := n.book.each(ctx, "SELECT name, o FROM outlet", nil, func(scan func(...any) error) error {
		var name string
		var o int64
		err := scan(&name, &o)
		known[name] = o
		return err
	}); err != nil {
		return err
	}
	for name, o := range known {
		if channel, ok := strings.CutPrefix(name, ofDesk+"/"); ok && n.desks[channel] == nil {
			if err := n.book.forgetOutlet(ctx, o); err != nil {
				return err
			}
		}
	}
	for name, x := range n.desks {
		o := &outlet{name: ofDesk + "/" + name, said: name, rule: x.Rule, perMinute: x.PerMinute}
		if o.perMinute == 0 {
			if o.perMinute = 60; x.Channel.Mail != nil {
				o.perMinute = 4
			}
		}
		if x.Channel.Mail == nil {
			o.to = []delivery.Receiver{{Tenant: ofDesk, ID: name}}
		}
		for box := range x.to {
			o.to = append(o.to, delivery.Receiver{Tenant: ofDesk, ID: name + "/" + box})
		}
		if err := n.add(ctx, o); err != nil {
			return err
		}
	}
	var err error
	n.kept, err = n.book.told(ctx)
	return err
}

// add takes an outlet among those that are told.
func (n *Notices) add(ctx context.Context, o *outlet) error {
	var err error
	if o.o, o.isNew, err = n.book.outlet(ctx, o.name); err != nil {
		return err
	}
	if o.sent, err = n.book.made(ctx, o.o, n.now()); err != nil {
		return err
	}
	o.due = map[string]reasons{}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.outlets[o.name], n.byNumber[o.o] = o, o
	n.lookAll(o, n.now())
	return nil
}
