package look

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"polity/city"
)

// Export copies what is published of a book to a folder that it makes, with details of all
// days that are kept if they are asked for, and verifies the copy. The book may be open.
func Export(dir, out string, details bool) (Report, error) {
	data, err := os.ReadFile(filepath.Join(dir, chainName))
	if errors.Is(err, os.ErrNotExist) {
		return Report{}, city.Errorf(city.NotFound, "there is no book of looks in %s of which a day was published", dir)
	}
	if err != nil {
		return Report{}, err
	}
	var c chain
	if err := c.read(data[:whole(data)]); err != nil {
		return Report{}, fmt.Errorf("%s: %w", filepath.Join(dir, chainName), err)
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		return Report{}, fmt.Errorf("the copy is written into a folder that does not exist yet: %w", err)
	}
	name := filepath.Join(out, chainName)
	if err := os.WriteFile(name, data[:c.safe], 0o600); err != nil {
		return Report{}, err
	}
	if !details {
		return Verify(name, nil)
	}
	if err := copyDetails(dir, out, &c); err != nil {
		return Report{}, err
	}
	return Verify(out, nil)
}

// copyDetails copies the days of a chain, and of the next one as much as is written.
func copyDetails(dir, out string, c *chain) error {
	days, err := daysIn(dir)
	if err != nil {
		return err
	}
	if err := os.Mkdir(detailsDir(out), 0o700); err != nil {
		return err
	}
	last, _ := c.last()
	for _, day := range days {
		if last.Day != "" && day > next(last.Day, 1) {
			break // published while this copied
		}
		data, err := os.ReadFile(detailsPath(dir, day))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed this moment; the line that says so is in the newest
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(detailsPath(out, day), data[:whole(data)], 0o600); err != nil {
			return err
		}
	}
	return nil
}
