package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// The suite starts its MQTT broker as a container. In its place the run has one of
// its own on loopback, with the suite's users, and the suite finds a docker that does
// nothing.

// defaultMQTT is the port that the suite does not name.
const defaultMQTT = 1883

// users are those of the suite's configurations of its broker.
type users struct{ mqtt.HookBase }

func (users) Provides(b byte) bool { return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck }

func (users) OnConnectAuthenticate(_ *mqtt.Client, p packets.Packet) bool {
	switch user := string(p.Connect.Username); user {
	case "", "user":
		return true
	default:
		return user == "user_with_password" && bytes.Equal(p.Connect.Password, []byte("password"))
	}
}

func (users) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// startBroker listens on the default port and another until the returned function is
// called.
func startBroker(other int) (stop func(), err error) {
	server := mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(&users{}, nil); err != nil {
		return nil, err
	}
	for _, port := range []int{defaultMQTT, other} {
		l := listeners.NewTCP(listeners.Config{ID: fmt.Sprint(port), Address: fmt.Sprintf("127.0.0.1:%d", port)})
		if err := server.AddListener(l); err != nil {
			_ = server.Close()
			return nil, fmt.Errorf("the suite's MQTT cases need port %d: %w; stop what uses it", port, err)
		}
	}
	if err := server.Serve(); err != nil {
		return nil, err
	}
	return func() { _ = server.Close() }, nil
}

// noDocker puts a docker that does nothing into dir, and returns the PATH with it.
func noDocker(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil { //nolint:gosec // a program
		return "", err
	}
	return dir + string(os.PathListSeparator) + os.Getenv("PATH"), nil
}
