"""Training steps of PyTorch, as `rate.rs` counts its own: images a second.

rate.py small|inception SIDE BATCH STEPS: the network of services/train/src/graph/small.rs, or
torchvision's InceptionV3 with its auxiliary head; cross-entropy, AdamW, float32, two threads at most.
"""

import sys
import time

import torch
from torch import nn

which, side, batch, steps = sys.argv[1], *map(int, sys.argv[2:5])
torch.manual_seed(1)
CLASSES = 3


class Block(nn.Module):
    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or before != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def small():
    stages = [16, 32, 64, 128]
    layers = [nn.Conv2d(3, stages[0], 3, 2, 1, bias=False), nn.BatchNorm2d(stages[0]), nn.ReLU()]
    before = stages[0]
    for at, channels in enumerate(stages):
        layers.append(Block(before, channels, 1 if at == 0 else 2))
        before = channels
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1), nn.Linear(before, CLASSES)]
    return nn.Sequential(*layers)


def inception():
    from torchvision.models import inception_v3

    return inception_v3(weights=None, num_classes=CLASSES, aux_logits=True, init_weights=False)


net = small() if which == "small" else inception()
net.train()
loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
images = torch.randn(batch, 3, side, side)
classes = torch.randint(0, CLASSES, (batch,))


def step():
    optimiser.zero_grad()
    said = net(images)
    if which == "small":
        loss = loss_of(said, classes)
    else:
        loss = loss_of(said.logits, classes) + 0.4 * loss_of(said.aux_logits, classes)
    loss.backward()
    optimiser.step()


step()
begun = time.perf_counter()
for _ in range(steps):
    step()
print(batch * steps / (time.perf_counter() - begun))
