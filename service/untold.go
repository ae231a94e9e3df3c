package service

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"polity/plane"
)

// Untold are alerts that the city's data has not been told of yet, each in its newest state.
// It is part of what a service keeps: put there in the same Save that changes what the alert
// is about, no crash and no write that fails loses an alert or its end.
type Untold []Alert

// Put has an alert told, in place of an older state of it.
func (u *Untold) Put(a Alert) {
	for i := range *u {
		if (*u)[i].ID == a.ID {
			(*u)[i] = a
			return
		}
	}
	*u = append(*u, a)
}

// Tell writes alerts into the city's data, from where the control room has them, and forgets
// them once they are there; after a crash between the two they are written again, which changes
// nothing. The lock guards u; save is called under it.
func (d Deps) Tell(ctx context.Context, lock sync.Locker, u *Untold, save func() error) error {
	lock.Lock()
	list := slices.Clone(*u)
	lock.Unlock()
	if len(list) == 0 {
		return nil
	}
	var batch plane.Batch
	for i := range list {
		change, err := AlertChange(list[i])
		if err != nil {
			return err
		}
		batch.Changes = append(batch.Changes, change)
	}
	if _, err := d.Data.Write(ctx, &batch); err != nil {
		return fmt.Errorf("write alerts: %w", err)
	}
	lock.Lock()
	defer lock.Unlock()
	*u = slices.DeleteFunc(*u, func(a Alert) bool {
		return slices.ContainsFunc(list, func(told Alert) bool { return reflect.DeepEqual(a, told) })
	})
	return save()
}
