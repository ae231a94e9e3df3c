package account

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// SetFault has statements of changes fail with what f returns.
func (a *Accounts) SetFault(f func(statement string) error) {
	a.writing.Lock()
	defer a.writing.Unlock()
	a.fault = f
}

// Sweep, Flush and Clear do what time brings.
func (a *Accounts) Sweep() { a.cache.sweep(a.now()) }

func (a *Accounts) Flush(ctx context.Context) error { return a.flush(ctx) }

func (a *Accounts) Clear(ctx context.Context) error { return a.clear(ctx) }

// FillDisk lets the file grow no more, as on a full disk; false: it may again.
func (a *Accounts) FillDisk(full bool) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	var pages, free int
	if err := errors.Join(a.write.QueryRow("PRAGMA page_count").Scan(&pages), a.write.QueryRow("PRAGMA freelist_count").Scan(&free)); err != nil {
		return err
	}
	if !full {
		pages = 1 << 30
	}
	_, err := a.write.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	return err
}

// Forge changes the file past everything that guards it.
func (a *Accounts) Forge(query string, args ...any) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	_, err := a.write.Exec(query, args...)
	return err
}

// Limits for tests.
type Limits struct{ l *limits }

func NewLimits(now func() time.Time) Limits { return Limits{newLimits(now)} }

func (l Limits) Code(from netip.Addr) error { return l.l.take(tryCode, from, "") }

func (l Limits) Account(from netip.Addr, person string) error {
	return l.l.take(tryAccount, from, person)
}

func (l Limits) Finish(from netip.Addr) error { return l.l.take(tryFinish, from, "") }

func (l Limits) Trust(from netip.Addr) { l.l.trust(from) }

func (l Limits) Remembered() int { return len(l.l.buckets) }

const RememberMost = rememberMost

// CeremoniesUnderWay counts them.
func (a *Accounts) CeremoniesUnderWay() int {
	a.ceremonies.mu.Lock()
	defer a.ceremonies.mu.Unlock()
	return a.ceremonies.order.Len()
}

var (
	NewCode  = newCode
	CodeHash = codeHash
)

// Dump is everything that the file holds, as text.
func (a *Accounts) Dump(ctx context.Context) (string, error) {
	var b strings.Builder
	var tables []string
	if err := a.rows(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		tables = append(tables, name)
		return err
	}); err != nil {
		return "", err
	}
	for _, table := range tables {
		if err := a.dumpTable(ctx, &b, table); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func (a *Accounts) dumpTable(ctx context.Context, to *strings.Builder, table string) error {
	rows, err := a.read.QueryContext(ctx, "SELECT * FROM "+table+" ORDER BY 1")
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		row, into := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		fmt.Fprintf(to, "%s %v\n", table, row)
	}
	return rows.Err()
}
