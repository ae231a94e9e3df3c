// Package bundle makes what browsers load: scripts and styles bundled by esbuild,
// each with the hash of its content in its name, and the TypeScript types that
// mirror the Go types of the pages' JSON.
package bundle

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Manifest is the name of the file that says which file an entry became.
const Manifest = "manifest.json"

// entries are what pages load by name; everything else is reached from these.
var entries = []api.EntryPoint{
	{InputPath: "islands/shell.ts", OutputPath: "shell"},
	{InputPath: "islands/camera.ts", OutputPath: "camera"},
	{InputPath: "islands/map.ts", OutputPath: "map"},
	{InputPath: "islands/sensor.ts", OutputPath: "sensor"},
	{InputPath: "islands/record.ts", OutputPath: "record"},
	{InputPath: "islands/concerned.ts", OutputPath: "concerned"},
	{InputPath: "islands/transitmap.ts", OutputPath: "transitmap"},
	{InputPath: "islands/powerlight.ts", OutputPath: "powerlight"},
	{InputPath: "islands/room.ts", OutputPath: "room"},
	{InputPath: "islands/roommap.ts", OutputPath: "roommap"},
	{InputPath: "islands/casenew.ts", OutputPath: "casenew"},
	{InputPath: "islands/casemap.ts", OutputPath: "casemap"},
	{InputPath: "islands/passkey.ts", OutputPath: "passkey"},
	{InputPath: "islands/wall.ts", OutputPath: "wall"},
	{InputPath: "islands/editor.ts", OutputPath: "editor"},
	{InputPath: "islands/crew.ts", OutputPath: "crew"},
	{InputPath: "islands/crewworker.ts", OutputPath: "crewworker"},
	{InputPath: "islands/wastedriver.ts", OutputPath: "wastedriver"},
	{InputPath: "islands/wasteplan.ts", OutputPath: "wasteplan"},
	{InputPath: "islands/push.ts", OutputPath: "push"},
	{InputPath: "islands/pushworker.ts", OutputPath: "pushworker"},
	{InputPath: "styles/console.css", OutputPath: "console"},
	{InputPath: "styles/map.css", OutputPath: "mapstyle"},
	{InputPath: "styles/icon.svg", OutputPath: "icon"},
	{InputPath: "../node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs", OutputPath: "mapworker"},
}

// Write bundles the sources in the folder console of a checkout into out, which is
// emptied of what an earlier run left. Files are compressed by gzip; Manifest maps
// entry names to file names without ".gz".
func Write(console, out string) error {
	if _, err := os.Stat(filepath.Join(console, "../node_modules/maplibre-gl")); err != nil {
		return fmt.Errorf("the web parts are missing in node_modules: run 'setup/setup run' first")
	}
	files, manifest, err := build(console)
	if err != nil {
		return err
	}
	if err := clear(out); err != nil {
		return err
	}
	for name, data := range files {
		packed, err := pack(data)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name+".gz"), packed, 0o644); err != nil { //nolint:gosec // served to everyone
			return err
		}
	}
	list, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, Manifest), append(list, '\n'), 0o644) //nolint:gosec // as above
}

func build(console string) (files map[string][]byte, manifest map[string]string, err error) {
	root, err := filepath.Abs(console)
	if err != nil {
		return nil, nil, err
	}
	r := api.Build(api.BuildOptions{
		AbsWorkingDir:       root,
		EntryPointsAdvanced: entries,
		Outdir:              "dist",
		Bundle:              true,
		Splitting:           true,
		Format:              api.FormatESModule,
		Target:              api.ES2022,
		MinifySyntax:        true,
		MinifyWhitespace:    true,
		MinifyIdentifiers:   true,
		LegalComments:       api.LegalCommentsEndOfFile,
		EntryNames:          "[name].[hash]",
		ChunkNames:          "part.[hash]",
		AssetNames:          "[name].[hash]",
		Loader:              map[string]api.Loader{".svg": api.LoaderCopy},
		Metafile:            true,
		LogLevel:            api.LogLevelSilent,
	})
	if len(r.Errors) > 0 {
		text := api.FormatMessages(r.Errors, api.FormatMessagesOptions{})
		return nil, nil, fmt.Errorf("bundle: %s", strings.TrimSpace(strings.Join(text, "")))
	}
	files = map[string][]byte{}
	for _, f := range r.OutputFiles {
		files[filepath.Base(f.Path)] = f.Contents
	}
	manifest, err = named(r.Metafile)
	return files, manifest, err
}

// named reads from esbuild's metafile which output an entry became.
func named(metafile string) (map[string]string, error) {
	var meta struct {
		Outputs map[string]struct{ EntryPoint string }
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	manifest := map[string]string{}
	for out, o := range meta.Outputs {
		i := slices.IndexFunc(entries, func(e api.EntryPoint) bool { return e.InputPath == o.EntryPoint })
		if i >= 0 {
			manifest[entries[i].OutputPath] = path.Base(out)
		}
	}
	for _, e := range entries {
		if manifest[e.OutputPath] == "" {
			return nil, fmt.Errorf("bundle: %s left no output", e.InputPath)
		}
	}
	return manifest, nil
}

func clear(out string) error {
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	old, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	for _, f := range old {
		if f.Name() == ".keep" {
			continue
		}
		if err := os.Remove(filepath.Join(out, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func pack(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
