package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"polity/city"
	"polity/internal/secretfile"
	"polity/ledger/roster"
	"polity/recording/disk"
	"polity/recording/mirror"
)

// SecondCopy is where a second copy of recordings is kept: a folder, or a store that
// speaks S3. What goes there is ciphertext.
type SecondCopy struct {
	Folder string `yaml:"folder"` // on another disk

	Address    string `yaml:"address"` // https://HOST
	Region     string `yaml:"region"`
	Bucket     string `yaml:"bucket"`
	Prefix     string `yaml:"prefix"`
	User       string `yaml:"user"`        // access key
	SecretFile string `yaml:"secret_file"` // mode 0600, one line
}

func (s *SecondCopy) check() error {
	switch {
	case s == nil:
		return nil
	case s.Folder == "" && s.Address == "":
		return errors.New("copy: name a folder, or the address of a store that speaks S3")
	case s.Folder != "" && s.Address != "":
		return errors.New("copy: a folder or an address, not both")
	case s.Address != "" && (s.Bucket == "" || s.User == "" || s.SecretFile == ""):
		return errors.New("copy: bucket, user and secret_file belong to the address")
	}
	return nil
}

func (s *SecondCopy) open() (mirror.Place, error) {
	if s.Folder != "" {
		d, err := disk.OpenFolder(s.Folder)
		return mirror.Folder{Disk: d}, err
	}
	secret, err := secretfile.Line(s.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("edge.record.copy.secret_file: %w", err)
	}
	return mirror.NewS3(mirror.S3Config{Address: s.Address, Region: s.Region, Bucket: s.Bucket, Prefix: s.Prefix, User: s.User, Secret: secret})
}

// copyEvery is how long after a run the next begins.
const copyEvery = time.Minute

// copies keeps the second copy until ctx ends. While the place cannot be reached, it is
// tried again each minute, and told once.
func (r *recordings) copies(ctx context.Context, place mirror.Place, cameras []Camera) {
	keep := map[city.Slug]time.Duration{}
	for _, c := range cameras {
		if c.Record != nil {
			class, _ := r.rosters.newest().Class(c.Record.Class)
			keep[c.Name] = time.Duration(class.Hours) * time.Hour
		}
	}
	m := &mirror.Mirror{Store: r.store, Place: place, Now: r.now, Keep: func(name city.Slug) time.Duration {
		if d, ok := keep[name]; ok {
			return d
		}
		return longest(r.rosters.newest().Classes) // of a camera that is not recorded any more
	}}
	failing := false
	for ctx.Err() == nil {
		_, err := m.Run(ctx)
		switch {
		case err != nil && !failing && ctx.Err() == nil:
			r.log.Error("the second copy of recordings is behind", slog.Any("error", err))
		case err == nil && failing:
			r.log.Info("the second copy of recordings goes on")
		}
		failing = err != nil
		wait(ctx, copyEvery)
	}
}

func longest(classes []roster.Class) (most time.Duration) {
	for _, c := range classes {
		most = max(most, time.Duration(c.Hours)*time.Hour)
	}
	return most
}
