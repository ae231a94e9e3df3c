package account

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"polity/access"
	"polity/city"
)

// Entry is one change in the book (docs/formats/accounts.md).
type Entry struct {
	N        int64     `json:"n"` // from 1
	At       time.Time `json:"at"`
	Previous string    `json:"previous"`     // SHA-256 of the line before, hexadecimal
	By       string    `json:"by"`           // a person's ID, or one of the words below
	Did      Did       `json:"did"`          //
	To       string    `json:"to,omitempty"` // the ID of what was changed
	What     What      `json:"what,omitzero"`
}

// Who makes entries besides people.
const (
	byMachine   = "machine"
	byDirectory = "directory"
	byCode      = "code"
)

// Did is what an entry says was done.
type Did string

// The changes.
const (
	DidFirstCode     Did = "first-code"
	DidOfflineCode   Did = "offline-code"
	DidPropose       Did = "propose"
	DidRefuse        Did = "refuse"
	DidWithdraw      Did = "withdraw"
	DidLapse         Did = "lapse"
	DidInvite        Did = "invite"
	DidUninvite      Did = "uninvite"
	DidEnrol         Did = "enrol"
	DidGrant         Did = "grant"
	DidDisable       Did = "disable"
	DidEnable        Did = "enable"
	DidForget        Did = "forget"
	DidRecoveryCode  Did = "recovery-code"
	DidRecover       Did = "recover"
	DidDirectory     Did = "directory"
	DidAddPasskey    Did = "add-passkey"
	DidRenamePasskey Did = "rename-passkey"
	DidRemovePasskey Did = "remove-passkey"
	DidBlockPasskey  Did = "block-passkey"
	DidMakeToken     Did = "make-token"
	DidRevokeToken   Did = "revoke-token"
	DidLeakToken     Did = "leak-token"
	DidRevokeSession Did = "revoke-session"
	DidPurpose       Did = "purpose"
)

// Changes lists every change.
func Changes() []Did {
	return []Did{
		DidFirstCode, DidOfflineCode, DidPropose, DidRefuse, DidWithdraw, DidLapse,
		DidInvite, DidUninvite, DidEnrol, DidGrant, DidDisable, DidEnable,
		DidForget, DidRecoveryCode, DidRecover, DidDirectory, DidAddPasskey, DidRenamePasskey,
		DidRemovePasskey, DidBlockPasskey, DidMakeToken, DidRevokeToken, DidLeakToken, DidRevokeSession,
		DidPurpose,
	}
}

// What are the particulars of an entry: IDs and rights, never a name.
type What struct {
	Kind    string          `json:"kind,omitempty"`
	Rights  *Rights         `json:"rights,omitempty"`
	Agreed  string          `json:"agreed,omitempty"` // the second person
	Code    string          `json:"code,omitempty"`   // its ID
	Person  string          `json:"person,omitempty"`
	Passkey string          `json:"passkey,omitempty"` // credential ID, base64url, its beginning
	Scope   []access.Action `json:"scope,omitempty"`
	Until   *time.Time      `json:"until,omitempty"`
	Purpose city.Slug       `json:"purpose,omitempty"`
}

var noPrevious = strings.Repeat("0", 2*sha256.Size)

func lineHash(line string) string {
	sum := sha256.Sum256([]byte(line))
	return hex.EncodeToString(sum[:])
}

// note writes an entry within the change.
func (c *change) note(by string, did Did, to string, what What) error {
	e := Entry{N: 1, At: c.at.UTC().Truncate(time.Millisecond), Previous: noPrevious, By: by, Did: did, To: to, What: what}
	var n int64
	var last string
	switch err := c.row("SELECT n, line FROM book ORDER BY n DESC LIMIT 1").Scan(&n, &last); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	default:
		e.N, e.Previous = n+1, lineHash(last)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return c.exec("INSERT INTO book (n, line) VALUES (?, ?)", e.N, string(line))
}

// Verify reads the whole book and checks that each entry follows the one before. It returns
// how many there are and the hash of the last. An error of kind Conflict names the first
// entry that was changed, or is missing.
func (r *Reader) Verify(ctx context.Context) (entries int64, head string, err error) {
	rows, err := r.read.QueryContext(ctx, "SELECT n, line FROM book ORDER BY n")
	if err != nil {
		return 0, "", kind(err)
	}
	defer rows.Close()
	head = noPrevious
	for rows.Next() {
		var n int64
		var line string
		if err := rows.Scan(&n, &line); err != nil {
			return 0, "", kind(err)
		}
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || n != entries+1 || e.N != n || e.Previous != head {
			return 0, "", city.Errorf(city.Conflict, "the book of accounts does not hold together at entry %d: somebody changed it or took something out. Restore the file from a backup, and ask who had access to this machine", entries+1)
		}
		entries, head = n, lineHash(line)
	}
	return entries, head, kind(rows.Err())
}

// Head is the number and hash of the last entry, to be noted elsewhere: only so a shortened
// book shows.
func (r *Reader) Head(ctx context.Context) (n int64, hash string, err error) {
	var line string
	switch err := r.read.QueryRowContext(ctx, "SELECT n, line FROM book ORDER BY n DESC LIMIT 1").Scan(&n, &line); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, noPrevious, nil
	case err != nil:
		return 0, "", kind(err)
	}
	return n, lineHash(line), nil
}

// Entries returns at most limit entries before a number, the newest first; before 0 begins
// with the last.
func (r *Reader) Entries(ctx context.Context, before int64, limit int) ([]Entry, error) {
	return r.entries(ctx, "SELECT line FROM book WHERE ? = 0 OR n < ? ORDER BY n DESC LIMIT ?", before, before, limit)
}

// offlineFor is how long pages about people speak of a code that was made on the machine.
const offlineFor = 90 * day

// Offline returns the codes that were made on the machine itself in the last 90 days
// before now, the newest first: every page about people shows them.
func (r *Reader) Offline(ctx context.Context, now time.Time) ([]Entry, error) {
	list, err := r.entries(ctx, "SELECT line FROM book WHERE line ->> '$.did' = ? ORDER BY n DESC LIMIT 100", DidOfflineCode)
	if err != nil {
		return nil, err
	}
	for i, e := range list {
		if now.Sub(e.At) > offlineFor {
			return list[:i], nil
		}
	}
	return list, nil
}

func (r *Reader) entries(ctx context.Context, query string, args ...any) ([]Entry, error) {
	list := []Entry{}
	err := r.rows(ctx, query, args, func(scan func(...any) error) error {
		var line string
		if err := scan(&line); err != nil {
			return err
		}
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return city.Errorf(city.Conflict, "the book of accounts holds an entry that cannot be read: restore the file from a backup")
		}
		list = append(list, e)
		return nil
	})
	return list, err
}
