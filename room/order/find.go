package order

import (
	"context"
	"strings"

	"polity/access"
	"polity/city"
)

// Filter says which orders a list has. Empty fields take all.
type Filter struct {
	Desk     city.Slug
	State    State
	Open     bool // leaves out what is at its end
	Kind     Kind
	Priority Priority
	Search   string // in task, place, asset, assignee; or the number
	From     string // source: FromAlert, FromDecision
	Key      string // of the source
	Skip     int
	Limit    int // 0: 100; at most 10,000
}

// List are the orders of the desks whose orders the one who asks may see, urgent ones
// first, and how many there are without Skip and Limit. Timelines and photos are left out.
func (b *Book) List(ctx context.Context, by Asker, f Filter) (list []Order, total int, err error) {
	var desks []string
	for _, d := range access.Desks() {
		if (f.Desk == "" || f.Desk == d) && b.seesAll(by, d) {
			desks = append(desks, string(d))
		}
	}
	if len(desks) == 0 {
		return nil, 0, nil
	}
	where, args := f.where(desks)
	if err := b.file.read.QueryRowContext(ctx, "SELECT count(*) FROM work_order WHERE "+where, args...).Scan(&total); err != nil {
		return nil, 0, kindOf(err)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	list, err = b.query(ctx, where+` ORDER BY state IN ('done', 'cancelled'), CASE priority WHEN 'urgent' THEN 0 WHEN 'soon' THEN 1 ELSE 2 END,
		coalesce(due, 1 << 40), number LIMIT ? OFFSET ?`, append(args, min(limit, 10_000), max(0, f.Skip))...)
	return list, total, err
}

// Sees reports whether there is a desk whose orders the one who asks may see.
func (b *Book) Sees(by Asker) bool {
	for _, d := range access.Desks() {
		if b.seesAll(by, d) {
			return true
		}
	}
	return false
}

func (f *Filter) where(desks []string) (string, []any) {
	parts := []string{"desk IN (?" + strings.Repeat(", ?", len(desks)-1) + ")"}
	var args []any
	for _, d := range desks {
		args = append(args, d)
	}
	for column, v := range map[string]string{"state": string(f.State), "kind": string(f.Kind), "priority": string(f.Priority), "source_from": f.From, "source_key": f.Key} {
		if v != "" {
			parts, args = append(parts, column+" = ?"), append(args, v)
		}
	}
	if f.Open {
		parts = append(parts, "state NOT IN ('done', 'cancelled')")
	}
	if f.Search != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(f.Search) + "%"
		parts = append(parts, `(task LIKE ? ESCAPE '\' OR place LIKE ? ESCAPE '\' OR asset LIKE ? ESCAPE '\' OR assigned LIKE ? ESCAPE '\' OR CAST(number AS TEXT) = ?)`)
		args = append(args, like, like, like, like, strings.TrimPrefix(f.Search, "#"))
	}
	return strings.Join(parts, " AND "), args
}

func (b *Book) query(ctx context.Context, where string, args ...any) (list []Order, err error) {
	rows, err := b.file.read.QueryContext(ctx, "SELECT "+columns+" FROM work_order WHERE "+where, args...) //nolint:gosec // words of this file; what people write are arguments
	if err != nil {
		return nil, kindOf(err)
	}
	defer rows.Close()
	for rows.Next() {
		o, err := scanOrder(rows)
		if err != nil {
			return nil, kindOf(err)
		}
		list = append(list, *o)
	}
	return list, kindOf(rows.Err())
}

// Mine are the open orders of the one who asks, with timelines and photos, urgent ones
// first. At most 200.
func (b *Book) Mine(ctx context.Context, by Asker) ([]Order, error) {
	if by.Who.ID == "" {
		return nil, nil
	}
	in, args := "(person = ?", []any{by.Who.ID}
	for _, c := range b.crewsOf(by.Who) {
		in, args = in+" OR crew = ?", append(args, string(c))
	}
	list, err := b.query(ctx, in+`) AND state IN ('given', 'accepted', 'on-the-way', 'at-the-place')
		ORDER BY state = 'given', CASE priority WHEN 'urgent' THEN 0 WHEN 'soon' THEN 1 ELSE 2 END, coalesce(due, 1 << 40), number LIMIT 200`, args...)
	if err != nil {
		return nil, err
	}
	var own []Order
	for i := range list {
		if !b.own(by, &list[i]) {
			continue
		}
		if err := readParts(ctx, b.file.read, &list[i]); err != nil {
			return nil, kindOf(err)
		}
		own = append(own, list[i])
	}
	return own, nil
}

// Get is one order with its timeline and photos. NotFound for what is not there and for
// what the one who asks may not see.
func (b *Book) Get(ctx context.Context, by Asker, id string) (Order, error) {
	o, err := byID(ctx, b.file.read, id)
	if err != nil {
		return Order{}, kindOf(err)
	}
	if o == nil || !b.sees(by, o) {
		return Order{}, unknown()
	}
	return *o, nil
}

// May says what the one who asks may do with an order that they see.
func (b *Book) May(by Asker, o *Order) (give, do bool) {
	return b.may(by, access.GiveOrder, o.Desk), b.own(by, o)
}

// Gives are the desks for which the one who asks may make orders.
func (b *Book) Gives(by Asker) (desks []city.Slug) {
	for _, d := range access.Desks() {
		if b.may(by, access.GiveOrder, d) {
			desks = append(desks, d)
		}
	}
	return desks
}
