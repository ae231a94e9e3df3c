package sandbox_test

import (
	"errors"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"polity/internal/sandbox"
)

const swapHead = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

func TestCheckSwap(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		bad   string // the device that is named, or "" where all is well
	}{
		{"no swap in the kernel", map[string]string{}, ""},
		{"none on", map[string]string{"proc/swaps": swapHead}, ""},
		{
			"a partition",
			map[string]string{"proc/swaps": swapHead + "/dev/sda2 partition 1 0 -2\n", "sys/dev/block/8:2/partition": "2"},
			"/dev/sda2",
		},
		{
			"dm-crypt",
			map[string]string{"proc/swaps": swapHead + "/dev/dm-0 partition 1 0 -2\n", "sys/dev/block/254:0/dm/uuid": "CRYPT-PLAIN-swap\n"},
			"",
		},
		{
			"a volume on dm-crypt",
			map[string]string{
				"proc/swaps":                               swapHead + "/dev/dm-1 partition 1 0 -2\n",
				"sys/dev/block/254:1/dm/uuid":              "LVM-xyz\n",
				"sys/dev/block/254:1/slaves/dm-0/dev":      "254:0\n",
				"sys/dev/block/254:0/dm/uuid":              "CRYPT-LUKS2-abc\n",
				"sys/dev/block/254:0/slaves/sda3/dev":      "8:3\n",
				"sys/dev/block/8:3/partition":              "3\n",
				"sys/dev/block/254:1/slaves/dm-0/dm/extra": "",
			},
			"",
		},
		{
			"a volume on two devices, one in clear",
			map[string]string{
				"proc/swaps":                          swapHead + "/dev/dm-1 partition 1 0 -2\n",
				"sys/dev/block/254:1/slaves/dm-0/dev": "254:0\n", "sys/dev/block/254:0/dm/uuid": "CRYPT-LUKS2-abc\n",
				"sys/dev/block/254:1/slaves/sdb/dev": "8:16\n",
			},
			"/dev/dm-1",
		},
		{
			"devices in a ring",
			map[string]string{"proc/swaps": swapHead + "/dev/dm-1 partition 1 0 -2\n", "sys/dev/block/254:1/slaves/dm-1/dev": "254:1\n"},
			"/dev/dm-1",
		},
		{
			"zram",
			map[string]string{
				"proc/swaps": swapHead + "/dev/zram0 partition 1 0 100\n", "sys/dev/block/252:0/comp_algorithm": "[lzo] zstd\n",
				"sys/dev/block/252:0/backing_dev": "none\n",
			},
			"",
		},
		{
			"zram that writes back to a disk",
			map[string]string{
				"proc/swaps": swapHead + "/dev/zram0 partition 1 0 100\n", "sys/dev/block/252:0/comp_algorithm": "[lzo] zstd\n",
				"sys/dev/block/252:0/backing_dev": "/dev/sda4\n",
			},
			"/dev/zram0",
		},
		{
			"a file on a disk in clear, after safe swap",
			map[string]string{
				"proc/swaps": swapHead + "/dev/zram0 partition 1 0 100\n/my\\040swap file 1 0 -2\n", "sys/dev/block/252:0/comp_algorithm": "zstd",
			},
			"/my swap",
		},
		{
			"a file on an encrypted disk",
			map[string]string{"proc/swaps": swapHead + "/crypt/swap file 1 0 -2\n", "sys/dev/block/254:0/dm/uuid": "CRYPT-LUKS2-abc\n"},
			"",
		},
		{
			"a file that is gone",
			map[string]string{"proc/swaps": swapHead + "/gone\\040(deleted) file 1 0 -2\n"},
			"/gone (deleted)",
		},
		{
			"the group has no swap",
			map[string]string{
				"proc/swaps": swapHead + "/dev/sda2 partition 1 0 -2\n", "proc/self/cgroup": "0::/system.slice/edge.service\n",
				"sys/fs/cgroup/system.slice/edge.service/memory.swap.max": "0\n",
			},
			"",
		},
		{
			"the group above has no swap",
			map[string]string{
				"proc/swaps": swapHead + "/dev/sda2 partition 1 0 -2\n", "proc/self/cgroup": "0::/system.slice/edge.service\n",
				"sys/fs/cgroup/system.slice/edge.service/memory.swap.max": "max\n", "sys/fs/cgroup/system.slice/memory.swap.max": "0\n",
			},
			"",
		},
		{
			"the group has swap",
			map[string]string{
				"proc/swaps": swapHead + "/dev/sda2 partition 1 0 -2\n", "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.swap.max": "max\n",
			},
			"/dev/sda2",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, text := range c.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			devices := map[string][2]uint64{ // st_dev and st_rdev
				"/dev/sda2": {5, unix.Mkdev(8, 2)}, "/dev/dm-0": {5, unix.Mkdev(254, 0)}, "/dev/dm-1": {5, unix.Mkdev(254, 1)},
				"/dev/zram0": {5, unix.Mkdev(252, 0)}, "/my swap": {unix.Mkdev(8, 1), 0}, "/crypt/swap": {unix.Mkdev(254, 0), 0},
			}
			err := sandbox.CheckSwapIn(root, func(name string) (uint64, uint32, error) {
				d, ok := devices[name]
				switch {
				case !ok:
					return 0, 0, errors.New("no such file")
				case d[1] != 0:
					return d[0], unix.S_IFBLK, nil
				}
				return d[0], unix.S_IFREG, nil
			}, func(name string) (uint64, error) { return devices[name][1], nil })
			var unsafe *sandbox.UnsafeSwap
			switch {
			case c.bad == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.bad != "" && (!errors.As(err, &unsafe) || unsafe.Device != c.bad):
				t.Errorf("got %v, want a refusal of %s", err, c.bad)
			}
		})
	}
}
