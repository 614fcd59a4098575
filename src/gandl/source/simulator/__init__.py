"""The simulator: screens with a known truth, written in the distributed format of RxRx19a and RxRx1."""
