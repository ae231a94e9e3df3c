package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	casefile "polity/release/case"
	"polity/release/export"
)

func (s *caseState) exportCommand() *cobra.Command {
	var w casefile.Wanted
	var cameras, open []string
	var from, to, mask string
	cmd := &cobra.Command{
		Use: "export CASE", Short: "Mask everything but what was marked, and write the bundle for a court", Args: exactlyOne("case"),
		Long: `It writes film that ordinary players play, with everything masked but what the marks of the case
leave open, and all that it takes to check it alone: 'polity verify bundle'. No sound. Nothing
unmasked is written anywhere.`,
		Example: `  polity case export lusab-babad --out bundle --zip bundle.zip
  polity case export lusab-babad --out bundle --camera square --from 2026-12-01T14:03:00Z --to 2026-12-01T14:05:00Z`,
	}
	f := cmd.Flags()
	f.StringVar(&w.Out, "out", "", "folder to make")
	f.StringVar(&w.Zip, "zip", "", "also as one ZIP file")
	f.StringArrayVar(&cameras, "camera", nil, "only this camera (may be given again)")
	f.StringVar(&from, "from", "", "only from this moment on, such as 2026-12-01T14:03:00Z")
	f.StringVar(&to, "to", "", "only until this moment, excluded")
	f.StringVar(&mask, "mask", string(export.Mosaic), "what is left of what is masked: mosaic or grey")
	f.StringVar(&w.By, "by", "", "who makes it, as it is to stand in the report")
	f.StringSliceVar(&open, "open", nil, "open these commitments in the bundle: cameras, times, order, case")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if w.Out == "" {
			return usageError{errors.New("name the folder to make with --out")}
		}
		for _, c := range cameras {
			w.Cameras = append(w.Cameras, city.Slug(c))
		}
		var err error
		if w.From, err = momentOf("--from", from); err != nil {
			return err
		}
		if w.To, err = momentOf("--to", to); err != nil {
			return err
		}
		w.Mask, w.Open, w.Program = export.MaskKind(mask), open, "polity "+Version
		w.Progress = progress[int64](cmd.ErrOrStderr(), "segments exported")
		return s.looking(cmd, args[0], func(c *casefile.Case, shelf *casefile.Shelf, views *casefile.Views) error {
			if err := public(cmd, c); err != nil {
				return err
			}
			report, err := shelf.Export(cmd.Context(), w, views)
			if err != nil {
				return err
			}
			where := w.Out
			if w.Zip != "" {
				where = w.Zip
			}
			for _, c := range report.Record.Clips {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d pictures, %s, %d grey\n", c.File, c.Pictures, numberOf(len(c.Marks), "mark"), c.Grey)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The bundle is %s. Check it: polity verify bundle %s\n", where, where)
			return nil
		})
	}
	return cmd
}

// momentOf reads a moment; none is the zero time.
func momentOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, usageError{fmt.Errorf("%s is %.40q; write a moment such as 2026-12-01T14:03:00Z", flag, text)}
	}
	return at, nil
}

// looking unlocks a case that was opened, with its segments and its log of views.
func (s *caseState) looking(cmd *cobra.Command, code string, do func(*casefile.Case, *casefile.Shelf, *casefile.Views) error) error {
	return s.with(cmd, code, func(_ *casefile.Office, c *casefile.Case) (err error) {
		if !c.Opened() {
			return city.Errorf(city.Conflict, "this case was not opened yet: 'polity case open %s'", c.Code())
		}
		shelf, err := c.Shelf()
		if err != nil && shelf == nil {
			return err
		}
		defer shelf.Close()
		if err != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "Left out:", err)
		}
		views, err := c.Views()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, views.Close()) }()
		return do(c, shelf, views)
	})
}

func (s *caseState) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check CASE BUNDLE", Short: "Derive a bundle's film again from the sealed segments, and compare",
		Long: `Only who holds the key of the case can check that a bundle's film is what was sealed. It
decodes and masks the same segments again: the pictures before encoding must be the same, to
the bit; the file too where the encoder has the same version.`,
		Example: "  polity case check lusab-babad bundle",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{fmt.Errorf("name the case and the bundle; see '%s --help'", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.looking(cmd, args[0], func(_ *casefile.Case, shelf *casefile.Shelf, _ *casefile.Views) error {
				same, record, err := shelf.Check(cmd.Context(), args[1], progress[int64](cmd.ErrOrStderr(), "segments derived"))
				if err != nil {
					return err
				}
				var wrong []string
				for _, d := range same {
					words := "the pictures are those that were sealed"
					switch {
					case !d.Pictures:
						words = "WRONG: these are other pictures than those that were sealed"
						wrong = append(wrong, d.File)
					case d.Bytes == nil:
						words += "; the file itself was not compared (unpack the bundle for that)"
					case *d.Bytes:
						words += ", and the file is the same to the byte"
					default:
						words += fmt.Sprintf("; the file is another, as it is with another encoder (here %s)", record.Encoder.Version)
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", d.File, words)
				}
				if len(wrong) > 0 {
					return city.Errorf(city.Invalid, "not what was sealed: %s", strings.Join(wrong, ", "))
				}
				return nil
			})
		},
	}
}
