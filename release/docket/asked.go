package docket

import (
	"context"
	"database/sql"
	"time"

	"polity/ledger/canonical"
	"polity/recording/segment"
)

// An edge lets a segment go when its own hours are over, the bodies destroy epoch keys by
// whole days, up to a day later. So that a case does not lose ciphertext whose shares both
// bodies still give, what a request had is brought here before its edge lets it go, and stays
// until its keys are due, or the case is over.

// early is how long before its edge lets a segment go it is fetched.
const early = 2 * time.Hour

// noteAsked keeps which segments a request had.
func (p *picked) noteAsked(ctx context.Context, tx *sql.Tx, fronts []*segment.Header) error {
	add, err := tx.PrepareContext(ctx, `INSERT INTO segment (header, front, camera, start, sequence, gone, due) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (header) DO UPDATE SET gone = excluded.gone, due = excluded.due`)
	if err != nil {
		return err
	}
	defer add.Close()
	for _, h := range fronts {
		class, ok := p.roster.Class(h.Class)
		if !ok {
			continue
		}
		hash, gone := h.Hash(), h.Start.Add(time.Duration(class.Hours)*time.Hour)
		_, err := add.ExecContext(ctx, hash[:], h.Bytes(), string(h.Camera), h.Start.UnixMilli(), int64(h.Sequence), gone.UnixMilli(), due(p.roster, h).UnixMilli()) //nolint:gosec // it counts six seconds
		if err != nil {
			return err
		}
	}
	return nil
}

// live are the cases that may still be opened: none refused, and both approved, or there is
// time left to. The lock is held.
func (d *Docket) live(ctx context.Context, now time.Time) (list []canonical.Hash, err error) {
	cases, err := d.cases(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range cases {
		refused := false
		for _, a := range c.Answers {
			refused = refused || a.State == Refused
		}
		if !refused && (c.Granted() || now.Before(c.Expires)) {
			list = append(list, c.ID)
		}
	}
	return list, nil
}

// wantAsked are segments of live cases whose edge lets them go soon.
func (d *Docket) wantAsked(ctx context.Context, now time.Time) (list []wanted, err error) {
	d.writing.Lock()
	cases, err := d.live(ctx, now)
	d.writing.Unlock()
	if err != nil {
		return nil, err
	}
	for _, id := range cases {
		err := d.each(ctx, `SELECT DISTINCT segment.header, camera, start, sequence FROM offered JOIN segment ON segment.header = offered.header
			WHERE ask = ? AND size IS NULL AND gone < ? AND due > ? ORDER BY start`, []any{id[:], now.Add(early).UnixMilli(), now.UnixMilli()}, func(scan func(...any) error) error {
			var w wanted
			err := scan(&w.header, &w.camera, &w.start, &w.sequence)
			list = append(list, w)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// keptAsked are the headers whose ciphertext live cases keep here. The lock is held.
func (d *Docket) keptAsked(ctx context.Context, now time.Time) (map[canonical.Hash]bool, error) {
	cases, err := d.live(ctx, now)
	if err != nil {
		return nil, err
	}
	kept := map[canonical.Hash]bool{}
	for _, id := range cases {
		err := d.each(ctx, "SELECT segment.header FROM offered JOIN segment ON segment.header = offered.header WHERE ask = ? AND size > 0 AND due > ?", []any{id[:], now.UnixMilli()}, func(scan func(...any) error) error {
			var h []byte
			err := scan(&h)
			if err == nil {
				kept[canonical.Hash(h)] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return kept, nil
}
