package order

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"polity/city"
)

// Upload is a photo as a crew sends it.
type Upload struct {
	Stage Stage
	Frame Frame
	JPEG  []byte
	Told  time.Time
}

// AddPhoto adds a photo to an order by its crew, once they accepted it. Invalid if it is
// not masked outside its frame or is no plain JPEG.
func (b *Book) AddPhoto(ctx context.Context, by Asker, key, id string, u Upload) (Order, error) {
	if u.Stage != Before && u.Stage != After {
		return Order{}, city.Errorf(city.Invalid, "a photo is of %s or %s the work", Before, After)
	}
	r, err := newRequest(by, key, "photo", id, u.Stage, u.Frame, sha256.Sum256(u.JPEG))
	if err != nil {
		return Order{}, err
	}
	o, err := b.Get(ctx, by, id) // before any work is done for a stranger
	if err == nil {
		err = b.takesPhotos(by, &o)
	}
	if err != nil && city.KindOf(err) != city.Conflict { // which a repeated request may meet
		return Order{}, err
	}
	var encoded []byte
	photo := Photo{ID: newID("p-"), Stage: u.Stage}
	if err == nil {
		if encoded, photo.Width, photo.Height, err = b.encode(ctx, &u); err != nil {
			return Order{}, err
		}
	}
	return b.change(ctx, r, id, func(tx *sql.Tx, o *Order, now time.Time) error {
		if err := b.takesPhotos(by, o); err != nil {
			return err
		}
		if encoded == nil {
			return city.Errorf(city.Unavailable, "the order changed meanwhile: try again")
		}
		photo.At = now
		e := b.entry(by, WasPhoto, now)
		e.Text, e.Told = photo.ID, told(o, u.Told, now)
		o.Timeline, o.Photos = append(o.Timeline, e), append(o.Photos, photo)
		_, err := tx.ExecContext(ctx, "INSERT INTO photo (id, number, stage, at, width, height, jpeg) VALUES (?, ?, ?, ?, ?, ?, ?)",
			photo.ID, o.Number, photo.Stage, now.Unix(), photo.Width, photo.Height, encoded)
		return err
	})
}

// encode checks and encodes few photos at once: decoding takes memory.
func (b *Book) encode(ctx context.Context, u *Upload) (encoded []byte, width, height int, err error) {
	select {
	case b.encoding <- struct{}{}:
		defer func() { <-b.encoding }()
	case <-ctx.Done():
		return nil, 0, 0, city.Errorf(city.Unavailable, "the photo was not taken in time: %w", ctx.Err())
	}
	encoded, size, err := Masked(u.JPEG, u.Frame)
	return encoded, size.X, size.Y, err
}

func (b *Book) takesPhotos(by Asker, o *Order) error {
	if err := b.crewMay(by, o); err != nil {
		return err
	}
	switch o.State {
	case Draft, Given, Cancelled:
		return city.Errorf(city.Conflict, "the order is %s: photos are added by who accepted it", o.State.words())
	}
	if len(o.Photos) >= PhotosMax {
		return city.Errorf(city.Conflict, "the order has %d photos, no more fit", PhotosMax)
	}
	return nil
}

// Photo returns a photo of an order as JPEG. NotFound for what is not there and for
// what the one who asks may not see.
func (b *Book) Photo(ctx context.Context, by Asker, id, photo string) ([]byte, error) {
	o, err := b.Get(ctx, by, id)
	if err != nil {
		return nil, err
	}
	var jpeg []byte
	err = b.file.read.QueryRowContext(ctx, "SELECT jpeg FROM photo WHERE id = ? AND number = ?", photo, o.Number).Scan(&jpeg)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, city.Errorf(city.NotFound, "there is no such photo; photos are removed some time after the order's end")
	}
	return jpeg, kindOf(err)
}

// Run forgets what is no longer kept, until ctx ends.
func (b *Book) Run(ctx context.Context) {
	next := b.now()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		b.positions.sweep()
		if now := b.now(); !now.Before(next) {
			next = now.Add(time.Hour)
			if err := b.Sweep(ctx); err != nil && ctx.Err() == nil {
				b.log.Error("old work orders and photos were not removed; trying again in a minute", slog.Any("error", err))
				next = now
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep removes photos, orders and request keys that are past their time. What is
// removed is overwritten in the file, and the log behind it is emptied.
func (b *Book) Sweep(ctx context.Context) error {
	now := b.now().UTC().Truncate(time.Second)
	removed := false
	err := b.inOne(ctx, func(tx *sql.Tx) error {
		did, err := b.sweepPhotos(ctx, tx, now)
		if err != nil {
			return err
		}
		r, err := tx.ExecContext(ctx, "DELETE FROM work_order WHERE state IN ('done', 'cancelled') AND closed <= ?", now.Add(-b.cfg.KeepOrders).Unix())
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		removed = did || n > 0
		_, keys := tx.ExecContext(ctx, "DELETE FROM request WHERE at <= ?", now.Add(-keepKeys).Unix())
		return errors.Join(err, keys)
	})
	if err != nil || !removed {
		return err
	}
	_, err = b.file.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return kindOf(err)
}

func (b *Book) sweepPhotos(ctx context.Context, tx *sql.Tx, now time.Time) (removed bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT number, count(*) FROM photo JOIN work_order USING (number)
		WHERE closed IS NOT NULL AND closed <= ? GROUP BY number`, now.Add(-b.cfg.KeepPhotos).Unix())
	if err != nil {
		return false, err
	}
	defer rows.Close()
	photos := map[int64]int{}
	for rows.Next() {
		var number int64
		var n int
		if err := rows.Scan(&number, &n); err != nil {
			return false, err
		}
		photos[number] = n
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return false, err
	}
	for number, n := range photos {
		if _, err := tx.ExecContext(ctx, "DELETE FROM photo WHERE number = ?", number); err != nil {
			return false, err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO entry (number, n, at, told, who, name, what, state, reason, text)
			SELECT ?, coalesce(max(n), -1) + 1, ?, NULL, '', '', ?, '', '', ? FROM entry WHERE number = ?`, number, now.Unix(), PhotosGone, strconv.Itoa(n), number); err != nil {
			return false, err
		}
	}
	return len(photos) > 0, nil
}
