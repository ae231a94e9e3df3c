package demo

import (
	"fmt"
	"os"

	"github.com/goccy/go-yaml"

	"polity/hub"
	"polity/internal/durable"
	"polity/ledger/roster"
)

const cameraUser = "polity"

// written is the configuration of the demo's edge as a file.
type written struct {
	Edge section `yaml:"edge"`
}

type section struct {
	Name     string          `yaml:"name"`
	Data     string          `yaml:"data"`
	Listen   string          `yaml:"listen"`
	Hub      hubSection      `yaml:"hub"`
	CityKeys []string        `yaml:"city_keys"`
	Register string          `yaml:"register"`
	Disk     diskSection     `yaml:"disk"`
	Record   recordSection   `yaml:"record"`
	Archive  string          `yaml:"archive_every"`
	Swap     bool            `yaml:"allow_unencrypted_swap"`
	Cameras  []cameraSection `yaml:"cameras"`
}

type hubSection struct {
	Address string `yaml:"address"`
	KeyFile string `yaml:"key_file"`
}

type diskSection struct {
	Limit    string `yaml:"limit"`
	KeepFree string `yaml:"keep_free"`
}

// recordSection is where sealed recordings are kept.
type recordSection struct {
	Roster      string `yaml:"roster"`
	RosterWords string `yaml:"roster_words"`
	Keys        string `yaml:"keys"`
	Limit       string `yaml:"limit"`
	KeepFree    string `yaml:"keep_free"`
}

type cameraSection struct {
	Name         string       `yaml:"name"`
	Source       string       `yaml:"source"`
	User         string       `yaml:"user"`
	PasswordFile string       `yaml:"password_file"`
	PerSecond    float64      `yaml:"per_second"`
	Record       recordedWith `yaml:"record"`
}

type recordedWith struct {
	Class string `yaml:"class"`
}

// recorded is the most that the demo's recordings have on the disk: two and a half hours of
// its film.
const recorded = "1GiB"

// writeConfig writes the edge's configuration: addresses change with every start.
// The film is nobody's secret, so that a machine with unencrypted swap may show it.
func (t *town) writeConfig(source string, r *roster.Signed, s hub.Started) error {
	if err := os.MkdirAll(t.path("epoch-keys"), 0o700); err != nil {
		return fmt.Errorf("write the edge's configuration: %w", err)
	}
	text, err := yaml.Marshal(written{section{
		Name: edgeName, Data: "edge", Listen: "127.0.0.1:0",
		Hub:      hubSection{"nats-leaf://" + s.Edges, "keys/edge.key"},
		CityKeys: []string{t.cityKey}, Register: "register", Disk: diskSection{"2GiB", "256MiB"}, Archive: "10s", Swap: true,
		Record:  recordSection{rosterFile, r.Words(), "epoch-keys", recorded, "256MiB"},
		Cameras: []cameraSection{{cameraName, source, cameraUser, "keys/square.password", 5, recordedWith{class}}},
	}})
	if err != nil {
		return fmt.Errorf("write the edge's configuration: %w", err)
	}
	head := "# Written by 'polity demo' at each start; a real one is deploy/polity.yaml.\n"
	return durable.WriteFile(t.path("polity.yaml"), append([]byte(head), text...), 0o600)
}
