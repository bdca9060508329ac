import torch

torch.set_num_threads(1)  # the work is small; threads would only wait for each other
