package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/services/power/iec104"
)

func powerIEC104Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "iec104",
		Short: "Read what substations say over IEC 60870-5-104",
		Long: `Decodes recorded frames, reads the values of a substation, or plays a simulated one.
Nothing here operates a device: commands need a person and a recorded decision.`,
		Example: `  polity power iec104 decode frames.hex
  polity power iec104 simulate 127.0.0.1:2404 --station 7
  polity power iec104 read 127.0.0.1:2404 --station 7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(iec104DecodeCommand(), iec104ReadCommand(), iec104SimulateCommand())
	return cmd
}

func iec104DecodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "decode FILE",
		Short: "Put recorded frames into words",
		Long: `Reads frames as hexadecimal digits, one or more to a line, - for standard input, and
prints what each says. Text after # is passed over.`,
		Example: `  polity power iec104 decode frames.hex
  echo '68 04 07 00 00 00' | polity power iec104 decode -
  tshark -r c.pcap -Y iec60870_104 -T fields -e tcp.payload | polity power iec104 decode -`,
		Args: exactlyOne("file of frames"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, _, err := openInput(cmd, args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			return decodeFrames(in, cmd.OutOrStdout())
		},
	}
}

func decodeFrames(in io.Reader, out io.Writer) error {
	lines, frames := bufio.NewScanner(in), 0
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		raw, err := hex.DecodeString(strings.NewReplacer(" ", "", "\t", "", ":", "", ",", "").Replace(strings.TrimSpace(text)))
		if err != nil {
			return city.Errorf(city.Invalid, "line %d: %w; frames are hexadecimal digits like 68 04 07 00 00 00", n, err)
		}
		for rest := bytes.NewReader(raw); rest.Len() > 0; frames++ {
			f, err := iec104.ReadFrame(rest)
			var words []string
			if err == nil {
				words, err = f.Describe()
			}
			if err != nil {
				return city.Errorf(city.Invalid, "line %d: %w", n, err)
			}
			fmt.Fprintln(out, strings.Join(words, "\n"))
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if frames == 0 {
		return city.Errorf(city.Invalid, "no frames; they are hexadecimal digits like 68 04 07 00 00 00")
	}
	return nil
}

func iec104ReadCommand() *cobra.Command {
	var station uint16
	var wait, follow time.Duration
	var secure certificates
	cmd := &cobra.Command{
		Use:   "read HOST:PORT",
		Short: "Print all values of a substation",
		Long: `Connects to a substation, asks for all values and prints them as CSV; with --follow
also the changes that come by themselves. It only reads. With --ca the connection is
encrypted as IEC 62351-3 has it (TLS, both sides with a certificate; the usual port is
19998); without, it is in the clear.`,
		Example: `  polity power iec104 read 127.0.0.1:2404 --station 7
  polity power iec104 read 127.0.0.1:2404 --station 7 --follow 1m
  polity power iec104 read rtu7.example:19998 --station 7 --ca ca.pem --cert hub.pem --key hub.key`,
		Args: exactlyOne("address like 127.0.0.1:2404"),
		RunE: func(cmd *cobra.Command, args []string) error {
			safe, err := secure.client(args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintln(out, "object,type,value,quality,cause,time")
			o := iec104.Options{Station: station, Receive: func(t iec104.Type, c iec104.Cause, x iec104.Object) {
				at := ""
				if !x.Time.IsZero() {
					at = x.Time.Format(time.RFC3339Nano)
				}
				fmt.Fprintf(out, "%d,%s,%g,%q,%s,%s\n", x.Address, t, x.Value, x.Quality, c, at)
			}}
			return readStation(cmd.Context(), args[0], safe, o, wait, follow)
		},
	}
	cmd.Flags().Uint16Var(&station, "station", 1, "common address of the substation")
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to try to connect again")
	cmd.Flags().DurationVar(&follow, "follow", 0, "how long to print changes afterwards")
	secure.flags(cmd.Flags(), "the substation's")
	return cmd
}

func readStation(ctx context.Context, address string, safe *tls.Config, o iec104.Options, wait, follow time.Duration) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	client, err := iec104.Dial(ctx, address, safe, o)
	for until := time.Now().Add(wait); err != nil && time.Now().Before(until); client, err = iec104.Dial(ctx, address, safe, o) {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	var broken error
	running.Go(func() {
		broken = client.Run(ctx)
		stop()
	})
	asked := client.Interrogate(ctx)
	late := false
	if asked == nil && follow > 0 {
		select {
		case <-time.After(follow):
		case <-ctx.Done():
			late = true
		}
	}
	stop()
	running.Wait()
	lost := broken != nil && !errors.Is(broken, context.Canceled) // the connection did not last
	switch {
	case lost && asked != nil:
		return fmt.Errorf("%w: %w", asked, broken)
	case lost && late:
		return broken
	}
	return asked
}

func iec104SimulateCommand() *cobra.Command {
	var station uint16
	var once bool
	var secure certificates
	cmd := &cobra.Command{
		Use:   "simulate HOST:PORT",
		Short: "Play a simulated substation, to try clients on",
		Long: `Listens and answers like a small substation with made-up values: a breaker (object
100), its alarm (101), current in amperes (200) and voltage in kilovolts (201). It
takes one connection at a time and refuses every command. With --ca, --cert and --key it
speaks TLS alone, and only to clients with a certificate of that authority.`,
		Example: `  polity power iec104 simulate 127.0.0.1:2404 --station 7
  polity power iec104 simulate 127.0.0.1:2404 --once     end with the first connection`,
		Args: exactlyOne("address like 127.0.0.1:2404"),
		RunE: func(cmd *cobra.Command, args []string) error {
			safe, err := secure.server()
			if err != nil {
				return err
			}
			s := &iec104.Outstation{Station: station, Operate: func(iec104.Command) error { return errors.New("simulated") }}
			for _, p := range []iec104.Point{
				{Type: iec104.DoublePoint, Address: 100, Value: iec104.On},
				{Type: iec104.SinglePoint, Address: 101},
				{Type: iec104.Float, Address: 200, Value: 118.5},
				{Type: iec104.Float, Address: 201, Value: 20.25},
			} {
				if err := s.Set(cmd.Context(), p); err != nil {
					return err
				}
			}
			return serveStation(cmd.Context(), s, args[0], safe, once, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().Uint16Var(&station, "station", 1, "common address of the substation")
	cmd.Flags().BoolVar(&once, "once", false, "end with the first connection")
	secure.flags(cmd.Flags(), "the clients'")
	return cmd
}

func serveStation(ctx context.Context, s *iec104.Outstation, address string, safe *tls.Config, once bool, log io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return city.Errorf(city.Unavailable, "listen: %w", err)
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	fmt.Fprintf(log, "a simulated substation listens at %s; stop it with Ctrl-C\n", listener.Addr())
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if safe != nil {
			conn = tls.Server(conn, safe)
		}
		err = s.Serve(ctx, conn)
		fmt.Fprintf(log, "the connection from %s has ended: %v\n", conn.RemoteAddr(), err)
		if once {
			return nil
		}
	}
}
