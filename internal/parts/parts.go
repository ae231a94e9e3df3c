// Package parts finds the files that Polity's programs load at run time and that
// set-up put beside them: ONNX Runtime, EPANET, the demo's film.
package parts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Dirs lists the folders that are searched, in order: $POLITY_PARTS, then "parts"
// beside the running program, then /usr/lib/polity.
func Dirs() []string {
	var dirs []string
	if d := os.Getenv("POLITY_PARTS"); d != "" {
		dirs = append(dirs, d)
	}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			dirs = append(dirs, filepath.Join(filepath.Dir(real), "parts"))
		}
	}
	return append(dirs, "/usr/lib/polity")
}

// Find returns the path of a part by its file name.
func Find(name string) (string, error) {
	dirs := Dirs()
	for _, d := range dirs {
		path := filepath.Join(d, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("part %s is missing: not in %s; run 'make build', or set POLITY_PARTS to the folder that holds it", name, strings.Join(dirs, ", "))
}

// Program returns the path of a program that is installed beside the running
// one, such as polity-native.
func Program(name string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	for _, dir := range []string{os.Getenv("POLITY_PROGRAMS"), filepath.Dir(exe)} {
		if dir == "" {
			continue
		}
		if path := filepath.Join(dir, name); isFile(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("program %s is not beside %s; run 'make build', or set POLITY_PROGRAMS to its folder", name, exe)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
