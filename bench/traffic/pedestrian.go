package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"polity/services/traffic/twin"
)

const (
	vehiclesPerHour = 440 // on each of the eight streets that lead in
	peoplePerHour   = 150 // from each of them
)

// makePedestrians writes a map of four junctions with signalised crossings on every
// arm, where as many people walk as in a lively quarter, and returns its
// configuration.
func makePedestrians(ctx context.Context) (string, error) {
	dir, err := filepath.Abs(filepath.Join(".cache", "bench-traffic", pedestrians))
	if err != nil {
		return "", err
	}
	config := filepath.Join(dir, pedestrians+".sumocfg")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	routes := pedestrianRoutes()
	if old, err := os.ReadFile(filepath.Join(dir, pedestrians+".rou.xml")); err == nil && bytes.Equal(old, routes) {
		if _, err := os.Stat(config); err == nil {
			return config, nil
		}
	}
	program, err := twin.FindSUMO("netgenerate", "")
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, program, "--grid", "--grid.number", "2", "--grid.length", "200", "--grid.attach-length", "200", //nolint:gosec // SUMO's own program
		"--default.lanenumber", "2", "--default-junction-type", "traffic_light", "--turn-lanes", "1", "--turn-lanes.length", "60",
		"--sidewalks.guess", "--crossings.guess", "--no-turnarounds", "--no-warnings", "-o", filepath.Join(dir, pedestrians+".net.xml"))
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make the map with pedestrians: %w: %s", err, strings.TrimSpace(string(out)))
	}
	text := fmt.Sprintf("<configuration>\n  <input>\n    <net-file value=\"%[1]s.net.xml\"/>\n    <route-files value=\"%[1]s.rou.xml\"/>\n  </input>\n  <time>\n    <begin value=\"0\"/>\n    <end value=\"1800\"/>\n  </time>\n</configuration>\n", pedestrians)
	return config, errors.Join(
		os.WriteFile(filepath.Join(dir, pedestrians+".rou.xml"), routes, 0o600),
		os.WriteFile(config, []byte(text), 0o600))
}

// pedestrianRoutes writes flows from every street that leads in to every other one.
func pedestrianRoutes() []byte {
	ends := []string{"left0 A0", "left1 A1", "right0 B0", "right1 B1", "bottom0 A0", "bottom1 B0", "top0 A1", "top1 B1"}
	var b bytes.Buffer
	fmt.Fprintln(&b, "<routes>")
	fmt.Fprintln(&b, `  <vType id="car" length="4.5" speedDev="0.1"/>`)
	for i, from := range ends {
		for k, to := range ends {
			if i == k {
				continue
			}
			outer, inner, _ := strings.Cut(from, " ")
			endOuter, endInner, _ := strings.Cut(to, " ")
			in, out := outer+inner, endInner+endOuter
			fmt.Fprintf(&b, "  <flow id=\"v%d%d\" type=\"car\" from=%q to=%q begin=\"0\" end=\"1800\" period=\"exp(%.5f)\" departLane=\"best\" departSpeed=\"max\"/>\n", i, k, in, out, vehiclesPerHour/3600.0/float64(len(ends)-1))
			fmt.Fprintf(&b, "  <personFlow id=\"p%d%d\" begin=\"0\" end=\"1800\" period=\"exp(%.5f)\">\n    <walk from=%q to=%q/>\n  </personFlow>\n", i, k, peoplePerHour/3600.0/float64(len(ends)-1), in, out)
		}
	}
	fmt.Fprintln(&b, "</routes>")
	return b.Bytes()
}
