package notice

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"polity/city"
	"polity/room/notice/mail"
)

const (
	codeDigits = 8
	codeTime   = 15 * time.Minute
	codeTries  = 5
	codesEach  = 3 // codes in an hour for one person, and again to one address
)

// AskMail sends a code to an address that a person wants to be told at. The address
// counts once the code came back with ConfirmMail.
func (n *Notices) AskMail(ctx context.Context, person, address string) error {
	if n.mailer == nil {
		return city.Errorf(city.Unavailable, "the hub's configuration names no mail server (hub.notices.mail)")
	}
	if person == "" {
		return city.Errorf(city.Forbidden, "who is not signed in has no notices")
	}
	to, err := mail.ParseAddress(strings.TrimSpace(address))
	if err != nil {
		return err
	}
	number, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(codeDigits), nil))
	if err != nil {
		return err
	}
	code := fmt.Sprintf("%0*d", codeDigits, number)
	if err := n.noteCode(ctx, person, to.Addr, code); err != nil {
		return err
	}
	m := &mail.Message{
		To: mail.Address{Addr: to.Addr}, Subject: n.deps.Words.Say("code.subject"), ID: id("code", person, to.Addr, code), At: n.now(),
		Text: n.deps.Words.Say("code.text", "code", code[:4]+" "+code[4:], "minutes", int(codeTime.Minutes())) + "\n",
	}
	if err := n.mailer.Send(ctx, m); err != nil {
		return city.Errorf(city.Unavailable, "the code could not be sent: %w", err)
	}
	return nil
}

// noteCode keeps a code's hash before it is sent.
func (n *Notices) noteCode(ctx context.Context, person, address, code string) error {
	now := n.now()
	return n.book.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM sent_code WHERE at < ?", now.Add(-time.Hour).UnixMilli()); err != nil {
			return err
		}
		var mine, there int
		if err := tx.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM sent_code WHERE person = ?), (SELECT count(*) FROM sent_code WHERE address = ?)", person, lower(address)).Scan(&mine, &there); err != nil {
			return err
		}
		if mine >= codesEach || there >= codesEach {
			return city.Errorf(city.Conflict, "%d codes were sent within an hour; wait until one of them is an hour old", codesEach)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO sent_code (person, address, at) VALUES (?, ?, ?)", person, lower(address), now.UnixMilli()); err != nil {
			return err
		}
		hash := hashCode(person, address, code)
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO code (person, address, hash, ends, tries) VALUES (?, ?, ?, ?, 0)", person, address, hash[:], now.Add(codeTime).UnixMilli())
		return err
	})
}

func hashCode(person, address, code string) [32]byte {
	return sha256.Sum256([]byte(person + "\x00" + address + "\x00" + code))
}

// errCode is the same whether a code is wrong, too old or none.
var errCode = city.Errorf(city.Invalid, "the code is wrong or too old; ask for another one")

// ConfirmMail takes the code that came by mail, and switches mail on.
func (n *Notices) ConfirmMail(ctx context.Context, person, code string) error {
	code = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, code)
	right := false
	err := n.changePerson(ctx, person, func(tx *sql.Tx) error {
		var address string
		var hash []byte
		var ends int64
		var tries int
		err := tx.QueryRowContext(ctx, "SELECT address, hash, ends, tries FROM code WHERE person = ?", person).Scan(&address, &hash, &ends, &tries)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		want := hashCode(person, address, code)
		if n.now().UnixMilli() >= ends || tries >= codeTries || subtle.ConstantTimeCompare(hash, want[:]) != 1 {
			_, err := tx.ExecContext(ctx, "UPDATE code SET tries = tries + 1 WHERE person = ?", person) // counts though the code is wrong
			return err
		}
		right = true
		if _, err := tx.ExecContext(ctx, "DELETE FROM code WHERE person = ?", person); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE person SET address = ?, mail = 1 WHERE id = ?", address, person)
		return err
	})
	if err == nil && !right {
		return errCode
	}
	return err
}

// ForgetMail removes a person's address.
func (n *Notices) ForgetMail(ctx context.Context, person string) error {
	return n.changePerson(ctx, person, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM code WHERE person = ?", person); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE person SET address = '', mail = 0 WHERE id = ?", person)
		return err
	})
}
