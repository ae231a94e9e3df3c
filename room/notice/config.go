package notice

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/delivery"
	"polity/room/notice/mail"
	"polity/room/notice/webhook"
)

// Config is the section "notices" of the hub's configuration.
type Config struct {
	Address  string          `yaml:"address"` // of the pages, https://, for links; empty: links are paths
	Hosts    []string        `yaml:"hosts"`   // receivers of this machine or a private network that are allowed
	Mail     Mail            `yaml:"mail"`
	Push     Push            `yaml:"push"`
	Retries  []time.Duration `yaml:"retries"` // pauses before another attempt; the last one goes on
	Channels []Channel       `yaml:"channels"`
}

// Mail is the city's mail server. Without a host no mail is sent.
type Mail struct {
	Host         string   `yaml:"host"`
	Port         int      `yaml:"port"` // 0: 587, with implicit 465
	TLS          mail.TLS `yaml:"tls"`  // empty: starttls
	User         string   `yaml:"user"`
	PasswordFile string   `yaml:"password_file"`
	From         string   `yaml:"from"`
	CAFile       string   `yaml:"ca_file"` // authorities of its certificate; empty: those of the machine
}

// Push is web push.
type Push struct {
	Off       bool   `yaml:"off"`
	Contact   string `yaml:"contact"`    // mailto: or https:, told to push services
	PerMinute int    `yaml:"per_minute"` // messages in 60 s for one person; 0: 6
}

// Channel is a desk's channel: one of Webhook, Mail and MQTT.
type Channel struct {
	Name      city.Slug `yaml:"name"`
	Rule      `yaml:",inline"`
	PerMinute int      `yaml:"per_minute"` // messages in 60 s; 0: 60, of mail 4
	Webhook   *Webhook `yaml:"webhook"`
	Mail      *List    `yaml:"mail"`
	MQTT      *MQTT    `yaml:"mqtt"`
}

// Webhook is where signed JSON is posted.
type Webhook struct {
	URL        string `yaml:"url"`
	SecretFile string `yaml:"secret_file"` // whsec_ and base64, and maybe the one before in a second line
	KeyID      string `yaml:"key_id"`
}

// List is mailboxes.
type List struct {
	To []string `yaml:"to"`
}

// MQTT is a broker's topic.
type MQTT struct {
	Broker       string `yaml:"broker"` // mqtts://HOST:PORT, or mqtt:// for hosts that are listed
	Topic        string `yaml:"topic"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	CAFile       string `yaml:"ca_file"`
}

const (
	mostChannels  = 100
	mostPerMinute = 600
)

var usualPauses = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

func (c *Config) limits() delivery.Limits {
	l := delivery.Limits{Pauses: c.Retries, Waiting: 1000, Dead: 1000, Bytes: 8 << 20, Disk: 256 << 20}
	if len(l.Pauses) == 0 {
		l.Pauses = usualPauses
	}
	return l
}

// Check reports everything that is wrong, without opening a file.
func (c *Config) Check() error {
	if err := c.limits().Check(); err != nil {
		return err
	}
	if c.Address != "" {
		u, err := url.Parse(c.Address)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return city.Errorf(city.Invalid, "address: %q is no address such as https://polity.city.example", c.Address)
		}
	}
	if c.Mail.Host != "" {
		if _, err := c.Mail.server(); err != nil {
			return fmt.Errorf("mail: %w", err)
		}
	}
	if p := c.Push.Contact; p != "" && !strings.HasPrefix(p, "mailto:") && !strings.HasPrefix(p, "https://") {
		return city.Errorf(city.Invalid, "push.contact: %q begins with neither mailto: nor https://", p)
	}
	if c.Push.PerMinute < 0 || c.Push.PerMinute > mostPerMinute {
		return city.Errorf(city.Invalid, "push.per_minute: %d; give 1 to %d", c.Push.PerMinute, mostPerMinute)
	}
	if len(c.Channels) > mostChannels {
		return city.Errorf(city.Invalid, "there are %d channels; %d are allowed", len(c.Channels), mostChannels)
	}
	seen := map[city.Slug]bool{}
	for i := range c.Channels {
		x := &c.Channels[i]
		if err := x.Name.Check(); err != nil {
			return city.Errorf(city.Invalid, "channels[%d]: name: %w", i, err)
		}
		if seen[x.Name] {
			return city.Errorf(city.Invalid, "the channel %s stands there twice", x.Name)
		}
		seen[x.Name] = true
		if err := x.check(c); err != nil {
			return fmt.Errorf("channel %s: %w", x.Name, err)
		}
	}
	return nil
}

func (x *Channel) check(c *Config) error {
	if err := x.Rule.check(); err != nil {
		return err
	}
	if x.PerMinute < 0 || x.PerMinute > mostPerMinute {
		return city.Errorf(city.Invalid, "per_minute: %d; give 1 to %d", x.PerMinute, mostPerMinute)
	}
	kinds := 0
	for _, there := range []bool{x.Webhook != nil, x.Mail != nil, x.MQTT != nil} {
		if there {
			kinds++
		}
	}
	if kinds != 1 {
		return city.Errorf(city.Invalid, "it has %d of webhook, mail and mqtt; give one", kinds)
	}
	switch {
	case x.Webhook != nil:
		if x.Webhook.SecretFile == "" {
			return city.Errorf(city.Invalid, "webhook.secret_file is missing: the receiver could not know who sends")
		}
		if strings.ContainsFunc(x.Webhook.KeyID, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return city.Errorf(city.Invalid, "webhook.key_id has letters that are not ASCII, or spaces")
		}
		_, err := webhook.ParseURL(x.Webhook.URL, c.Hosts)
		return err
	case x.Mail != nil:
		if c.Mail.Host == "" {
			return city.Errorf(city.Invalid, "mail.host of notices is missing: the mail server")
		}
		_, err := x.Mail.addresses()
		return err
	}
	return x.MQTT.check(c.Hosts)
}

const mostMailboxes = 50

func (l *List) addresses() ([]mail.Address, error) {
	if len(l.To) == 0 || len(l.To) > mostMailboxes {
		return nil, city.Errorf(city.Invalid, "mail.to has %d addresses; give 1 to %d", len(l.To), mostMailboxes)
	}
	var out []mail.Address
	for _, text := range l.To {
		a, err := mail.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("mail.to: %w", err)
		}
		if slices.ContainsFunc(out, func(b mail.Address) bool { return b.Addr == a.Addr }) {
			return nil, city.Errorf(city.Invalid, "mail.to names %s twice", a.Addr)
		}
		out = append(out, a)
	}
	return out, nil
}

func (m *MQTT) check(hosts []string) error {
	u, err := url.Parse(m.Broker)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return city.Errorf(city.Invalid, "mqtt.broker is no address such as mqtts://broker.city.example:8883; user and password have keys of their own")
	case u.Scheme == "mqtts":
	case u.Scheme == "mqtt" && slices.Contains(hosts, u.Hostname()):
	default:
		return city.Errorf(city.Invalid, "mqtt.broker begins with mqtts://, or with mqtt:// where hosts lists %s", u.Hostname())
	}
	if m.Topic == "" || len(m.Topic) > 1000 || strings.ContainsAny(m.Topic, "+#\x00") {
		return city.Errorf(city.Invalid, "mqtt.topic %q is none to publish to", m.Topic)
	}
	if m.PasswordFile != "" && m.User == "" {
		return city.Errorf(city.Invalid, "mqtt has a password_file, but no user")
	}
	return nil
}

// server is the mail server without what stands in files.
func (m *Mail) server() (*mail.Server, error) {
	s := &mail.Server{Host: m.Host, Port: m.Port, TLS: m.TLS, User: m.User}
	if s.TLS == "" {
		s.TLS = mail.StartTLS
	}
	if s.Port == 0 {
		if s.Port = 587; s.TLS == mail.Implicit {
			s.Port = 465
		}
	}
	if m.PasswordFile != "" && m.User == "" {
		return nil, city.Errorf(city.Invalid, "there is a password_file, but no user")
	}
	if m.From == "" {
		return nil, city.Errorf(city.Invalid, "from is missing: the address that mail comes from")
	}
	var err error
	if s.From, err = mail.ParseAddress(m.From); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	return s, s.Check()
}

// Resolve makes relative paths relative to a folder.
func (c *Config) Resolve(dir string) {
	paths := []*string{&c.Mail.PasswordFile, &c.Mail.CAFile}
	for i := range c.Channels {
		if w := c.Channels[i].Webhook; w != nil {
			paths = append(paths, &w.SecretFile)
		}
		if m := c.Channels[i].MQTT; m != nil {
			paths = append(paths, &m.PasswordFile, &m.CAFile)
		}
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}
