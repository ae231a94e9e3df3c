package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"polity/camera/link"
	"polity/camera/process"
)

// cameraProcessCommand is what an edge starts once per camera.
func cameraProcessCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "camera-process",
		Short:   "How an edge watches one camera; of no use by hand",
		Example: "  (started by polity edge)",
		Hidden:  true,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			p, err := link.Standard()
			if err != nil {
				log.Error("the camera's process cannot start", slog.Any("error", err))
				return err
			}
			if err := process.Run(cmd.Context(), p, log); err != nil {
				log.Error("the camera's process ended", slog.Any("error", err))
				return err
			}
			return nil
		},
	}
}
