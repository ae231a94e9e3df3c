package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"time"

	"polity/city"
)

// Address is a mailbox, with a name that may be empty.
type Address struct{ Name, Addr string }

// maxAddress is how long a mailbox may be (RFC 5321, section 4.5.3.1.3).
const maxAddress = 254

// ParseAddress reads one mailbox, as NAME <USER@HOST> or USER@HOST. The mailbox is ASCII;
// the name need not be.
func ParseAddress(text string) (Address, error) {
	if hasControl(text) || len(text) > 2*maxAddress {
		return Address{}, city.Errorf(city.Invalid, "a mail address is one line such as duty@city.example")
	}
	a, err := netmail.ParseAddress(text)
	if err != nil {
		return Address{}, city.Errorf(city.Invalid, "%.80q is no mail address such as duty@city.example", text)
	}
	user, host, ok := strings.Cut(a.Address, "@")
	if !ok || !isDotAtom(user) || !isHost(host) || len(a.Address) > maxAddress || hasControl(a.Name) {
		return Address{}, city.Errorf(city.Invalid, "%.80q is no mail address such as duty@city.example; letters before the @ and behind it are ASCII", a.Address)
	}
	return Address{a.Name, a.Address}, nil
}

// isDotAtom says whether a mailbox needs no quotes (RFC 5321, section 4.1.2).
func isDotAtom(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r))
		}) {
			return false
		}
	}
	return len(s) <= 64
}

func isHost(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || part[0] == '-' || strings.ContainsFunc(part, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
		}) {
			return false
		}
	}
	return true
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfffd
	})
}

func (a Address) header() string {
	return (&netmail.Address{Name: a.Name, Address: a.Addr}).String()
}

// Message is one mail to one mailbox.
type Message struct {
	To      Address
	Subject string // one line
	Text    string // lines end with \n
	ID      string // names what is said: the same twice is one message to a reader
	Thread  string // names what it is about: messages of one thread stand together; may be empty
	At      time.Time
}

const maxSubject = 200

// text is the message as it is sent, lines ending with CRLF.
func (m *Message) text(from Address) ([]byte, error) {
	if hasControl(m.Subject) || len(m.Subject) > maxSubject {
		return nil, city.Errorf(city.Invalid, "the subject of a mail is one line of %d bytes at most", maxSubject)
	}
	_, domain, _ := strings.Cut(from.Addr, "@")
	name := func(parts ...string) string {
		sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
		return "<" + base64.RawURLEncoding.EncodeToString(sum[:18]) + "@" + domain + ">"
	}
	var b bytes.Buffer
	head := func(key, value string) { fmt.Fprintf(&b, "%s: %s\r\n", key, value) }
	head("From", from.header())
	head("To", m.To.header())
	head("Subject", mime.QEncoding.Encode("utf-8", m.Subject))
	head("Date", m.At.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	head("Message-ID", name(m.ID, m.To.Addr))
	if m.Thread != "" {
		head("References", name("thread", m.Thread, m.To.Addr))
		head("In-Reply-To", name("thread", m.Thread, m.To.Addr))
	}
	head("Auto-Submitted", "auto-generated") // RFC 3834: no answers by machines
	head("MIME-Version", "1.0")
	head("Content-Type", `text/plain; charset="utf-8"`)
	head("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(strings.ReplaceAll(m.Text, "\n", "\r\n"))); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
